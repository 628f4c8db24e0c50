"""`lunaredge schema`: what crosses the site's brokers, described for other languages."""
