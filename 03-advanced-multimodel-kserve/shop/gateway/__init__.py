"""The gateway: three endpoints over features, models and a cache, each answer inside its deadline.

A request goes down four floors: `entrypoints` speaks HTTP; `service` has the use cases, recommendations, search and
payments; `adapters` asks features, models and the cache for them; `domain` has what they answer when those do not, and
whom to turn away in time. `bootstrap` reads `settings` once and puts all of it together.
"""
