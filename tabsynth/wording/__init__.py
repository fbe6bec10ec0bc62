"""Free text beside structured columns: found personal data, learnt wording, replay of records."""
