"""A simulated shop: its catalogue, its people, what they do and how some of them cheat.

Realistic: popularity follows Zipf's law and has only something to do with quality; people come in tribes, at their own
hour, more at the weekend, some a hundred times as often as others; sessions stay in a category; results are examined
from the top, so clicks are biased by position, and one page in four is shuffled to measure that; items are launched
while the world is watched and have no record then; reviews and chargebacks come days late; households share devices,
mobile networks and proxies share addresses; thieves come in rings that burst, try cards with small sums and buy what
sells on, or alone, and some are only buyers who deny having bought.

Not realistic: tastes and thieves never change, so nothing drifts; style is known exactly and is all there is to like,
besides price and quality; people do not see what the models recommend, so there is no feedback; nobody returns goods,
runs out of stock or money, or has a promotion; three payments in a hundred are frauds, ten times what a shop would
bear, so that there are enough to learn from; every fraud is reported in the end, and no honest payment is.
"""
