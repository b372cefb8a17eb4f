"""
How many connections may be used at once: a rule from what was seen in a tenth of a second, pure and without a clock.

Two things are watched. The *wait*: how long work stood in the queue for a connection. And the *pulse*: how long the
server took over the first message of each transaction (`begin; set local …`). That message is the same, tiny work
every time, whatever the transaction then does, so the pulse says how crowded the server's processors are, and does not
mistake slow queries (a lock, a disk, a sleep) for a crowd. It costs nothing: the message is sent anyway.

- **Grow on wait, while the pulse is calm.** A queue that stands, before a server that has room, is the one case in
  which more connections help. The step grows with the wait and is at most half of the size, so that work which turns
  slow is met within a second, and never larger than the queue.
- **Give way to a crowd.** On a server with few processors more connections than can run make each other slower: past
  the knee throughput *falls* (measured on two processors: 4 connections 1,420 transactions a second, 48 of them
  1,235), and the pulse rises from 0.1 to 10 ms. So the size falls by a quarter while the pulse is crowded. Waiting
  here, in order and by class, is better than all at once over there.
- **A few never crowd.** Up to a dozen connections of a process cost the others next to nothing, while too few for slow
  work make a queue without end. So no crowd makes the size smaller than that, and below it a queue is reason enough
  to grow. Whoever shares the server's machine can make pulses slow that no smaller size would mend.
- **Between calm and crowded nothing changes.** The two bounds are a factor of four apart and a step is a factor of 1.5
  at most, so a step cannot leap over the band; this is what keeps the size from swinging. And each step looks at
  pulses of its own, felt since the step before while somebody waited: what was felt when the server had less to do
  says nothing of the size at which it now works.
- **Regret.** The size that a crowd left is remembered for half an hour: it is passed only when more pulses were calm,
  as they are when work has become slow, and hardly ever are near the edge of what the processors can do.
  A crowd within a minute of a growth means that the growth was wrong: how long a queue must then stand calm at that
  size doubles, up to four seconds, and is forgiven after a minute without a crowd.
- **Doubt.** Where work has waited for long and the server is not crowded, only not calm either, the rule may have it
  wrong: it tries a quarter more, and goes on while no crowd follows. When one does, the work must wait four times as
  long before the next try, up to two minutes, and as many more pulses must be calm to pass what was crowded.
- **Shrink slowly when idle.** What was not used at the busiest moment of half a minute is surplus; half of what lies
  above a margin goes. That closes connections which PostgreSQL could use elsewhere. When it has to grow back within
  minutes, that was wrong too: the window that is looked at doubles, up to an hour, until a shrink proves right.

Each process decides for itself; those that share a server share its pulse, so they give way together.
"""

import math

import msgspec

TICK_SECONDS = 0.1
_JITTER_SECONDS = 0.0002
# Of the mean pulse at each look, so that it is one of the last half second: who begins at the same moment as others,
# as work does that ended together, is slow for no other reason.
_KEPT = 0.75
_FEWEST_HARMLESS = 4
_VERY_MANY = 3


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """
    The numbers of the rule, in seconds unless their name says otherwise.

    `calm` and `crowded` are above the best mean pulse seen lately, so that a distant server is not a crowded one. Their
    sizes are those of a Linux scheduler: a slice is 3 to 4 ms, so a mean pulse of 2 ms has every other transaction
    stand behind a process that computes. `harmless` is the size, of one process alone, that no crowd makes smaller.
    """

    target_wait: float = 0.005
    calm: float = 0.0005
    crowded: float = 0.002
    harmless: int = 12
    fewest_pulses: int = 8
    calm_pulses: int = 4
    longest_look: float = 0.5
    sure_pulses: int = 6
    longest_sure_look: float = 4.0
    settle: float = 0.5
    patience: float = 0.25
    longest_patience: float = 4.0
    regret: float = 60.0
    forgive: float = 60.0
    remember: float = 1800.0
    doubtful_wait: float = 0.4
    doubt: float = 0.5
    longest_doubt: float = 120.0
    idle_window: float = 30.0
    longest_idle_window: float = 3600.0
    idle_regret: float = 300.0
    baseline_window: float = 300.0


def rule_of(processes: int) -> Rule:
    """Return the rule of one of so many processes that share a server: together they crowd it sooner."""
    return Rule(harmless=max(_FEWEST_HARMLESS, Rule().harmless // processes))


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """
    What was observed since the last look. Times in seconds.

    `wait` is the longer of the mean wait of those served and the age of the oldest still waiting; `short` how many at
    most waited because of the size, and not for a connection to be opened. `pulses` counts the first messages answered
    and `pulse` is their mean; `best_pulse` the quickest of them, None when there was none. `most_used` is the highest
    number of connections lent at once.
    """

    at: float
    wait: float
    short: int
    most_used: int
    pulses: int = 0
    pulse: float = 0.0
    best_pulse: float | None = None


class Bounds(msgspec.Struct, frozen=True):
    """What the size must lie between, both inclusive: the operator's settings and what PostgreSQL grants."""

    least: int
    most: int


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """
    The size that holds now, and what the rule remembers. Start with the size alone.

    `changed` is +1 after a growth, -1 after a shrink, else 0; `is_crowded` whether the last look found a crowd.
    """

    size: int
    changed: int = 0
    is_crowded: bool = False
    grew_at: float = -math.inf
    shrank_at: float = -math.inf
    crowded_at: float = -math.inf
    ceiling: float = math.inf
    patience: float = 0.0
    regret: float = 0.0
    late_since: float | None = None
    tried_at: float = -math.inf
    doubt: float = 0.0
    used_most: int = 0
    used_since: float | None = None
    idle_window: float = 0.0
    idle_shrank_at: float = -math.inf
    pulses: int = 0
    pulse: float = 0.0
    fresh: int = 0
    fresh_sum: float = 0.0
    fresh_since: float | None = None
    baseline: float | None = None
    baseline_next: float | None = None
    baseline_since: float | None = None


def decide(control: Control, seen: Seen, bounds: Bounds, rule: Rule) -> Control:
    """Return the control after a look; its `size` is within `bounds`, or their `most` when they contradict."""
    state = _with_pulse(control, seen, rule)
    excess = state.pulse - (state.baseline or 0.0)
    has_pulse = state.pulses >= rule.fewest_pulses
    is_crowded = has_pulse and excess > rule.crowded
    state = msgspec.structs.replace(state, is_crowded=is_crowded, changed=0)

    harmless = min(max(rule.harmless, bounds.least), bounds.most)
    if is_crowded and state.size > harmless:
        state = _give_way(state, seen, rule, least=harmless)
    elif not seen.short:
        state = msgspec.structs.replace(state, fresh=0, fresh_sum=0.0, fresh_since=None, late_since=None)
    elif state.size < harmless:
        state = _grow(state, seen, rule) if seen.wait > rule.target_wait else state
    else:
        state = _look_fresh(state, seen, rule)
        state = state if is_crowded else _try_in_doubt(state, seen, rule)
    state = _shrink_when_idle(state, seen, rule)
    size = min(max(state.size, bounds.least), bounds.most)
    return msgspec.structs.replace(state, size=size, changed=(size > control.size) - (size < control.size))


def _with_pulse(control: Control, seen: Seen, rule: Rule) -> Control:
    """Fold the new pulses into the mean, which forgets by a quarter at each look, and keep the best of two windows."""
    if not seen.pulses or seen.best_pulse is None:
        # Nothing was asked of the server: what was known of it grows old.
        return msgspec.structs.replace(control, pulses=int(control.pulses * _KEPT))
    kept = control.pulses * _KEPT
    pulse = (control.pulse * kept + seen.pulse * seen.pulses) / (kept + seen.pulses)
    best, following = control.baseline, control.baseline_next
    since = seen.at if control.baseline_since is None else control.baseline_since
    if seen.at - since > rule.baseline_window:
        # A server that moved further away: after two windows the old best is forgotten.
        best, following, since = following, None, seen.at
    # The best mean, for the way to a server has its own jitter; but no more than the quickest pulse allows, for even in
    # a crowd some are lucky, and a process that starts in one must not take it for calm.
    found = min(seen.pulse if seen.pulses >= rule.fewest_pulses else math.inf, 3 * seen.best_pulse + _JITTER_SECONDS)
    best = found if best is None else min(best, found)
    following = found if following is None else min(following, found)
    return msgspec.structs.replace(
        control,
        pulse=pulse,
        pulses=int(kept + seen.pulses),
        baseline=best,
        baseline_next=following,
        baseline_since=since,
    )


def _give_way(control: Control, seen: Seen, rule: Rule, *, least: int) -> Control:
    if seen.at - control.shrank_at < rule.settle:
        return msgspec.structs.replace(control, crowded_at=seen.at)
    # What is not used makes no crowd: give way from what is.
    used = min(control.size, max(seen.most_used, 1) + 1)
    size = min(control.size, max(math.floor(used * 0.75), least))
    is_known = seen.at - control.crowded_at < rule.remember
    regret = max(control.regret if seen.at - control.crowded_at < rule.forgive else 0.0, rule.patience)
    if control.grew_at > control.shrank_at and seen.at - control.grew_at < rule.regret:
        regret = min(regret * 2, rule.longest_patience)
    doubt = max(control.doubt if is_known else 0.0, rule.doubt)
    if control.tried_at > control.shrank_at and seen.at - control.tried_at < rule.regret:
        doubt = min(doubt * 4, rule.longest_doubt)
    return msgspec.structs.replace(
        control,
        size=size,
        ceiling=size,
        shrank_at=seen.at,
        crowded_at=seen.at,
        patience=regret,
        regret=regret,
        doubt=doubt,
        late_since=None,
        pulses=0,
    )


def _look_fresh(control: Control, seen: Seen, rule: Rule) -> Control:
    """
    Grow when the pulses felt since the last step, while a queue stood, are calm; without enough of them wait.

    The first look at a queue only begins the evidence: what was felt before it is of another, lighter moment.
    """
    if control.fresh_since is None:
        return msgspec.structs.replace(control, fresh=0, fresh_sum=0.0, fresh_since=seen.at)
    fresh, total = control.fresh + seen.pulses, control.fresh_sum + seen.pulse * seen.pulses
    stood = seen.at - control.fresh_since
    # Past the size that was crowded before it takes more to believe that the server is calm, and behind a crowd some
    # time too, unless very many felt it: work that turned slow begins often enough for that, and must not wait.
    is_past = control.size >= control.ceiling and seen.at - control.crowded_at < rule.remember
    patience = control.patience if is_past and seen.at - control.crowded_at < rule.forgive else 0.0
    enough = rule.sure_pulses * (1 + control.doubt) if is_past else rule.calm_pulses
    longest = rule.longest_sure_look if is_past else rule.longest_look
    if (stood < patience and fresh < _VERY_MANY * enough) or (0 < fresh < enough and stood < longest):
        return msgspec.structs.replace(control, fresh=fresh, fresh_sum=total)
    # Nothing felt at all: what is lent is at long work, and nobody could begin.
    is_calm = not fresh or total / fresh - (control.baseline or 0.0) < rule.calm
    state = msgspec.structs.replace(control, fresh=0, fresh_sum=0.0, fresh_since=seen.at)
    is_settled = seen.at - control.shrank_at >= rule.settle
    if not (is_calm and is_settled and seen.wait > rule.target_wait):
        return state
    # Other work than that which made the crowd: what was remembered of that one does not hold for it.
    return _grow(msgspec.structs.replace(state, ceiling=math.inf, tried_at=seen.at) if is_past else state, seen, rule)


def _try_in_doubt(control: Control, seen: Seen, rule: Rule) -> Control:
    """Grow by a quarter where work has been late for long before a server that is not crowded."""
    if seen.wait < rule.doubtful_wait:
        return msgspec.structs.replace(control, late_since=None)
    late_since = seen.at if control.late_since is None else control.late_since
    state = msgspec.structs.replace(control, late_since=late_since)
    moved_at = max(control.grew_at, control.shrank_at)
    if seen.at - late_since < max(control.doubt, rule.doubt) or seen.at - moved_at < rule.settle:
        return state
    step = min(math.ceil(control.size / 4), seen.short)
    return msgspec.structs.replace(
        state, size=control.size + step, grew_at=seen.at, tried_at=seen.at, fresh=0, fresh_sum=0.0, fresh_since=seen.at
    )


def _grow(control: Control, seen: Seen, rule: Rule) -> Control:
    urgency = math.ceil(control.size * 0.1 * seen.wait / rule.target_wait)
    step = max(1, min(urgency, math.ceil(control.size / 2), seen.short))
    # A queue that stood calm for as long as was demanded is no crowd's: the next step may come sooner.
    grown = msgspec.structs.replace(control, size=control.size + step, grew_at=seen.at, patience=control.patience / 2)
    if seen.at - control.idle_shrank_at > rule.idle_regret:
        return grown
    window = min(2 * max(control.idle_window, rule.idle_window), rule.longest_idle_window)
    return msgspec.structs.replace(grown, idle_window=window, idle_shrank_at=-math.inf)


def _shrink_when_idle(control: Control, seen: Seen, rule: Rule) -> Control:
    most = max(control.used_most, seen.most_used)
    since = seen.at if control.used_since is None else control.used_since
    window = max(control.idle_window, rule.idle_window)
    if seen.at - since < window:
        return msgspec.structs.replace(control, used_most=most, used_since=since)
    state = msgspec.structs.replace(control, used_most=seen.most_used, used_since=seen.at)
    # A quarter more than was ever needed, and one, stays: less would grow back at the next small wave.
    surplus = control.size - (most + math.ceil(most / 4) + 1)
    if surplus <= 0:
        return state
    is_forgiven = seen.at - max(control.grew_at, control.idle_shrank_at) > rule.idle_regret
    return msgspec.structs.replace(
        state,
        size=control.size - math.ceil(surplus / 2),
        idle_shrank_at=seen.at,
        idle_window=rule.idle_window if is_forgiven else window,
    )
