"""`lunaredge tap`: what is said on a site's broker, decoded, as it comes."""
