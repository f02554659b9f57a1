"""Where the deck keeps what it was told: one port, adapters beside it. Knows neither the web nor alerts."""
