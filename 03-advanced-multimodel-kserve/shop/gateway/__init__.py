"""The gateway: three endpoints over features, models and a cache, each answer inside its deadline.

`app` speaks HTTP, `recommendations`, `search` and `payments` are the use cases; `features`, `inference` and `cache` are
what they ask; `fallback` is what they answer when those do not; `keys` and `rates` let in who may ask,
`admission` keeps out what would not be answered in time.
"""
