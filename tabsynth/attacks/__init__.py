"""Re-identification attacks, one file each; every one states what the attacker knows."""
