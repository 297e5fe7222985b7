"""Exercise 7, solved: what is inside, divided by the workers, times the mean work, is when a newcomer is done."""

from __future__ import annotations

NEWEST = 0.05


class Door:
    """Decides who comes in."""

    def __init__(self, workers: int, limit_s: float, first_guess_s: float) -> None:
        """Takes the number of workers, the limit, and a guess of how long a request computes."""
        self.workers, self.limit_s, self.mean_s = workers, limit_s, first_guess_s
        self.inside = 0

    def arrive(self) -> float | None:
        """None lets a request in; a number of seconds above 0 refuses it until then."""
        done_s = self.mean_s * (1 + self.inside / self.workers)
        if done_s > self.limit_s:
            return max(done_s - self.limit_s, self.mean_s)
        self.inside += 1
        return None

    def done(self, worked_s: float) -> None:
        """Takes note that a request is answered, which computed for so long."""
        self.inside -= 1
        self.mean_s += NEWEST * (worked_s - self.mean_s)
