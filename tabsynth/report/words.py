"""What each measure is, in plain words; the report shows them in this order."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """A measure in plain words."""

    title: str
    meaning: str


# neither more nor less of these is better: they are to be compared, with others or their reference
UNDIRECTED: frozenset[str] = frozenset(
    {
        "group_share", "base_rate", "impact_ratio", "outcome_mean", "conditional_odds",
        "conditional_odds_change", "gap_amplification", "proxy_change", "missing_gap_change",
        "downstream_selection_rate", "downstream_calibration",
    }
)  # fmt: skip
WORDS: dict[str, Words] = {
    "valid_cells": Words(
        "Cells that keep the schema",
        "The share of synthetic cells whose type, bounds and categories are as the schema says.",
    ),
    "violations": Words(
        "Rules broken, by column",
        "The share of synthetic records in which the column breaks a rule of the schema.",
    ),
    "key_violations": Words(
        "Keys repeated or missing",
        "The share of synthetic records whose key is missing or stands more than once.",
    ),
    "orphans": Words(
        "Children whose key leads nowhere",
        "The share of a table's synthetic records that name a parent which is not there.",
    ),
    "constraint_violations": Words(
        "Rules between columns broken",
        "The share of synthetic records that break a constraint of the schema.",
    ),
    "univariate_tv": Words(
        "Single columns",
        "How far each column's distribution lies from the held-out one: the share of records that "
        "would have to change for the two to agree (total variation).",
    ),
    "pairwise_tv": Words(
        "Pairs of columns",
        "The same for every two columns together: shows relations that were lost or invented.",
    ),
    "threeway_tv": Words(
        "Triples of columns",
        "The same for three columns together, over a sample of triples.",
    ),
    "children_per_parent_tv": Words(
        "Children per parent",
        "How far the numbers of children that parents have lie from the real ones: the share of "
        "parents that would need another number.",
    ),
    "parent_child_tv": Words(
        "Children with their parents",
        "How far every column of a child together with every column of its parent lies from the "
        "real ones: shows children that hang from the wrong parents though each table is right.",
    ),
    "parent_child_tv_worst_tenth": Words(
        "Children with their parents, worst tenth",
        "The mean over the tenth of these pairs that lie furthest off.",
    ),
    "noisy_univariate_tv": Words(
        "Single columns, under noise",
        "How far each column's distribution lies from that of the real records (total variation), "
        "from one noisy number for each column.",
    ),
    "noisy_pairwise_tv": Words(
        "Pairs of columns, under noise",
        "The same for every two columns together.",
    ),
    "univariate_tv_worst_tenth": Words(
        "Single columns, worst tenth",
        "The mean over the tenth of the columns that lie furthest off: a good mean can hide a few "
        "columns that are wrong.",
    ),
    "pairwise_tv_worst_tenth": Words(
        "Pairs of columns, worst tenth",
        "The mean over the tenth of the pairs that lie furthest off.",
    ),
    "threeway_tv_worst_tenth": Words(
        "Triples of columns, worst tenth",
        "The mean over the tenth of the sampled triples that lie furthest off.",
    ),
    "association": Words(
        "Strength of relations",
        "How far the correlation of two columns, or its like for categories, lies from the "
        "held-out one.",
    ),
    "tail_tv": Words(
        "Extreme values",
        "Whether as many values lie among the smallest and the largest 1 % as in held-out records.",
    ),
    "rare_categories": Words(
        "Rare categories kept",
        "Of the categories that at most 1 % of held-out records have: the share that comes out "
        "neither less than half nor more than twice as often.",
    ),
    "missing_rate": Words(
        "Missing values",
        "How far each column's share of missing values lies from the held-out one.",
    ),
    "missing_patterns": Words(
        "Columns missing together",
        "Whether the same columns are missing in the same records: the share of records that would "
        "have to change for the patterns to agree.",
    ),
    "dependency_violations": Words(
        "Unwritten rules broken",
        "Rules that the real records keep though nobody declared them, such as a town that decides "
        "its country: the share of synthetic records that break them.",
    ),
    "c2st_auc": Words(
        "Telling synthetic from real",
        "How well a classifier tells held-out real records from synthetic ones. 0.5 means that it "
        "cannot, 1 that it always can.",
    ),
    "c2st_auc_network": Words(
        "Telling apart by neural network",
        "The same with another kind of classifier: what trees overlook, it may see.",
    ),
    "shape_error": Words(
        "Shape error, as published tables have it",
        "One minus the column shapes score of sdmetrics: the mean distance of single columns. To "
        "be set beside published tables.",
    ),
    "trend_error": Words(
        "Trend error, as published tables have it",
        "One minus the column pair trends score of sdmetrics: how far correlations and tables of "
        "two columns lie off.",
    ),
    "trend_error_associated": Words(
        "Trend error of strong relations",
        "The same over pairs of columns that hang together strongly, as newer versions of "
        "sdmetrics report it.",
    ),
    "alpha_precision": Words(
        "Alpha-precision",
        "Whether synthetic records lie as close to the middle of the real ones as real ones do.",
    ),
    "beta_recall": Words(
        "Beta-recall",
        "Whether real records have a synthetic one nearer than any other real one; real records "
        "reach about a half.",
    ),
    "s_pmse": Words(
        "Propensity score error (S_pMSE)",
        "How well a logistic regression on single columns tells the tables apart, over what it "
        "would be by chance; about 1 is best. It does not see how columns hang together.",
    ),
    "tstr": Words(
        "Training on synthetic records",
        "A model is trained on synthetic records and tested on held-out real ones; the reference "
        "is the same model trained on real records.",
    ),
    "noisy_tstr": Words(
        "Training on synthetic records, under noise",
        "A simple model is trained on synthetic records; noisy counts say how well it tells real "
        "ones apart. 0.5 is guessing, 1 is perfect.",
    ),
    "tstr_columns": Words(
        "Predicting every column",
        "Each column in turn is predicted by a model trained on synthetic records and tested on "
        "held-out real ones. 0 is no better than guessing, 1 is perfect; the reference is the same "
        "model trained on real records.",
    ),
    "text_transfer": Words(
        "Learning from synthetic texts",
        "A classifier learns from the words of synthetic texts to tell a category, and is tested "
        "on held-out real texts. 0.5 is guessing, 1 is perfect; the reference learnt from real "
        "texts, the baseline from texts dealt out at random.",
    ),
    "exact_copies": Words(
        "Exact copies",
        "The share of synthetic records that equal a training record in every column; the "
        "reference is how often held-out records do so by chance.",
    ),
    "membership_p": Words(
        "Whether membership shows at all",
        "How often records dealt out at random as members look as exposed as the training records "
        "do. Below 0.01, an attacker can tell some training records from people never in train.",
    ),
    "membership_tpr": Words(
        "Members found",
        "The share of training records that an attacker finds when he wrongly accuses one in a "
        "hundred people who were never in the training table; 1 % is guessing.",
    ),
    "membership_auc": Words(
        "Members told from others, on average",
        "How often a training record looks more like a member than a record never in train; 0.5 "
        "is guessing. An average: a few exposed persons do not show here.",
    ),
    "membership_top": Words(
        "Members among the most suspect",
        "The share of training records among those that look most like members; the reference is "
        "their share among all that were asked about.",
    ),
    "membership_epsilon": Words(
        "Epsilon that the attack implies",
        "A method of differential privacy with a smaller epsilon cannot have leaked as much as was "
        "found here; 0 when nothing was found. No upper bound.",
    ),
    "self_test_power": Words(
        "What the attack would have found",
        "Copies of training records are planted in this very comparison: how often the membership "
        "attack notices.",
    ),
    "replicated_uniques": Words(
        "Single persons' records that come out",
        "Of the records that only one real person has: the share of training records that the "
        "synthetic table repeats, minus the same for people who were never in the training table. "
        "Clearly above 0, records were remembered, not met by chance. A copy with one field "
        "changed is not seen here.",
    ),
    "attribute_inference": Words(
        "Guessing a person's sensitive column",
        "An attacker who knows the other columns, or the quasi-identifiers, guesses one from the "
        "synthetic table: how much oftener he is right about training records than about people "
        "who were never in the training table. What he gets right about both is no leak.",
    ),
    "singling_out": Words(
        "Conditions that one person meets",
        "Conditions found in the synthetic table, such as a rare value or a combination of 2 to 4 "
        "columns: the share that exactly one person meets and he is in the training table, minus "
        "the share that single out a person who never was, in proportion.",
    ),
    "deep_p": Words(
        "Repeated fits: chance of such a result",
        "The method is fitted many times, with and without people who stand out. The figure is how "
        "often chance alone would tell the two apart as well; a small one means that somebody's "
        "presence shows. A large one is no proof that nobody's does.",
    ),
    "deep_auc": Words(
        "Repeated fits: whose presence shows",
        "How well fits with a person are told from fits without, on average over the people tried. "
        "0.5 means not at all, 1 always. In larger tables each person shows less; the fits are of "
        "at most half of the training records, so the figure rather overstates.",
    ),
    "deep_best_auc": Words(
        "Repeated fits: the most exposed person",
        "The same for the one person whose presence shows most. The highest of many is high by "
        "chance as well; the interval accounts for that.",
    ),
    "deep_target_auc": Words(
        "Repeated fits: person by person",
        "The same for each person tried. Among many, one in twenty intervals misses the truth.",
    ),
    "text_replay": Words(
        "Words of single persons that come out",
        "Of the persons whose text holds eight words in a row (or, in all, fewer) that fewer than "
        "five people wrote: the share of training records of which such words stand in a "
        "synthetic text, minus the same for people who were never in the training table.",
    ),
    "replayed_runs": Words(
        "Synthetic texts with words of few records",
        "The share of synthetic texts with eight words in a row (or, in all, fewer) that some but "
        "fewer than five training records hold. The reference is the same for held-out texts: "
        "invented names, days and numbers meet real ones by chance.",
    ),
    "linkability": Words(
        "Tying two sources together",
        "Two parts of a person's record are looked up in the synthetic table: how much oftener "
        "both lead to the same record for training records than for people who were never in the "
        "training table.",
    ),
    "repu_advantage": Words(
        "Quasi-identifiers of single persons that come out once",
        "repU for training records minus repU for people who were never in the training table.",
    ),
    "repu": Words(
        "repU (replicated uniques)",
        "The share of training records whose quasi-identifiers nobody else has in train, and "
        "exactly one synthetic record has. The reference is the same for people never in train.",
    ),
    "disco_advantage": Words(
        "Values read off from quasi-identifiers",
        "DiSCO for training records minus DiSCO for people who were never in the training table.",
    ),
    "disco": Words(
        "DiSCO (disclosive in synthetic, correct in original)",
        "The share of training records for which all synthetic records with the same "
        "quasi-identifiers have one value, and it is the right one. The reference is the same for "
        "people never in train.",
    ),
    "dcr_share": Words(
        "Synthetic records nearer to train than to people never seen",
        "The share of synthetic records whose nearest real record is a training record, out of as "
        "many training records as others; 0.5 is expected. An average: copies of a few persons do "
        "not show here. It can neither pass nor fail.",
    ),
    "nearest_ratio": Words(
        "Nearest to next-nearest distance",
        "How much nearer a synthetic record lies to its nearest training record than to the next "
        "one, in the median; the reference is the same for people who were never in the training "
        "table. It can neither pass nor fail.",
    ),
    "unique_copies": Words(
        "Copies of single records",
        "The share of synthetic records that equal a record which only one person in train has; "
        "the reference is how often held-out records do.",
    ),
    "near_copies": Words(
        "Near copies of single records",
        "The same, where one field may differ.",
    ),
    "withheld_copies": Words(
        "Copies in invented columns",
        "For columns that are invented or withheld, of the values that only one person has: the "
        "share of training values that come out, minus the share of held-out values that do.",
    ),
    "group_share": Words(
        "Shares of groups",
        "The share of records that each group has. In an audit the reference is its share of the "
        "population that was given, for a synthetic table its share of the held-out records.",
    ),
    "base_rate": Words(
        "Favourable outcomes by group",
        "The share of each group's records that have the favourable outcome. For a synthetic "
        "table the reference is the group's share in held-out records.",
    ),
    "impact_ratio": Words(
        "Impact ratios",
        "The favourable rate of a group over that of the most favoured group. Below 0.8 (the "
        "four-fifths rule) by more than chance, it is worth a look; the ratio says that outcomes "
        "differ, not why.",
    ),
    "rate_gap": Words(
        "Largest gap between groups",
        "The highest favourable rate minus the lowest. Among many groups some gap comes by chance: "
        "the reference is what 95 of 100 random groupings stay below.",
    ),
    "outcome_mean": Words(
        "Means of the outcome by group",
        "The mean of the target in each group; the reference is the mean of all records.",
    ),
    "conditional_odds": Words(
        "Outcomes among comparable records",
        "The odds of the favourable outcome in a group over those of the largest group, "
        "within strata in which outcomes may rightly differ (Mantel-Haenszel). 1 is parity. In an "
        "audit the reference is the odds ratio without strata, for a synthetic table that of the "
        "held-out records.",
    ),
    "conditional_odds_change": Words(
        "Outcomes among comparable records: change",
        "That odds ratio in synthetic records over the one in held-out records. 1 is no change; "
        "the reference is training records in their place.",
    ),
    "missing_gap": Words(
        "Missing values by group",
        "The largest difference between groups in how often a value is missing. In an audit the "
        "reference is what 95 of 100 random groupings stay below, for a synthetic table the "
        "difference between the same groups in held-out records.",
    ),
    "missing_gap_change": Words(
        "Missing values by group: change",
        "The difference between the two groups furthest apart in real records: synthetic minus "
        "held-out. The reference is training records in their place.",
    ),
    "proxy_auc": Words(
        "Proxies of protected columns",
        "How well other columns tell the groups apart. 0.5: not at all. Near 1, leaving the "
        "protected column out of a model changes little, since others stand in for it. For a "
        "synthetic table the reference is the same within held-out records.",
    ),
    "proxy_change": Words(
        "Proxies of protected columns: change",
        "How well others tell the groups apart within synthetic records, minus the same within "
        "held-out ones. Above 0 a proxy is made stronger, below 0 it is hidden.",
    ),
    "groups_lost": Words(
        "Groups that are lost",
        "How many groups the synthetic table has no record of, though at least 10 were to be "
        "expected from the real ones.",
    ),
    "group_tv": Words(
        "Fidelity by group",
        "How far the columns of each group lie from those of the same group in held-out records "
        "(mean total variation); the reference is training records in their place.",
    ),
    "gap_amplification": Words(
        "Gaps that grow or hide",
        "The gap in the favourable rate between the two groups furthest apart: synthetic minus "
        "held-out. Above 0 the synthetic table widens the gap; below 0 it hides some of it, and a "
        "bias that is there in the real table can no longer be found.",
    ),
    "downstream_gap_change": Words(
        "Gaps of models: synthetic minus real training",
        "Models learn the favourable outcome from synthetic and from real records and are tested "
        "on held-out ones. The largest difference between groups after synthetic training, minus "
        "that after real training. Above 0 by more than chance, the synthetic table makes models "
        "treat groups less alike.",
    ),
    "downstream_gap": Words(
        "Largest gap between groups, models",
        "The largest difference between groups in how a model trained on synthetic records serves "
        "them; the reference is the same after real training.",
    ),
    "downstream_ratio": Words(
        "Smallest ratio between groups, models",
        "The lowest group's figure over the highest group's, for a model trained on synthetic "
        "records; the reference is the same after real training.",
    ),
    "downstream_selection_rate": Words(
        "Selection rate by group, models",
        "The share of a group's held-out records for which a model trained on synthetic records "
        "predicts the favourable outcome (probability 0.5 or more).",
    ),
    "downstream_tpr": Words(
        "True positive rate by group, models",
        "Of a group's records with the favourable outcome, the share that is predicted so.",
    ),
    "downstream_fpr": Words(
        "False positive rate by group, models",
        "Of a group's records without the favourable outcome, the share that is predicted to have "
        "it.",
    ),
    "downstream_ppv": Words(
        "Precision by group, models",
        "Of a group's records predicted to have the favourable outcome, the share that does.",
    ),
    "downstream_auc": Words(
        "Ranking by group, models",
        "How well a model ranks a group's records by their outcome (AUC): 0.5 is chance, 1 is "
        "without error.",
    ),
    "downstream_calibration": Words(
        "Calibration by group, models",
        "The mean predicted probability minus the share that has the favourable outcome: above 0 "
        "the model promises the group too much, below 0 too little.",
    ),
}  # fmt: skip
