"""The Triton kernels of the selective scan (float32); `models.ssm.triton_scan` launches them.

The recurrence h_l = a_l h_(l-1) + x_l is linear, so a sequence is cut into chunks of STEPS steps that are worked on at
the same time, in three sweeps:

1. `summarise`: what every chunk adds to the state that enters it (backwards: to the gradient that enters at its end);
2. `carry`: one chunk after the other, the true state at every border;
3. `outputs` or `gradients`: every chunk once more, now from the right state.

A program of 1 and 3 is one chunk of one direction of one clip, for CHANNELS channels: one warp, a channel a thread. A
channel's states lie in its thread's registers, STATES at a time, so that a step of the recurrence and the sum over
states need no other thread; only the gradients of B and C, which are sums over channels, do. Tokens are read where the
direction's order says they are: nothing is permuted in memory. Loops over steps are unrolled, with a tuple element a
step.

Layouts are those of `ScanInputs`, contiguous, but for A (K, N, E) and dt_proj (K, R, E), so that a warp reads
neighbours. N is a multiple of STATES; RANK is a power of two, or 0 where step sizes are given in full. `bk` stands for
direction k of clip b and is b K + k. What belongs to channels has shape (1, CHANNELS), what belongs to states
(STATES, 1), and their products (STATES, CHANNELS).
"""
# ruff: noqa: RUF005 (Triton's language cannot unpack a tuple into another)

import triton
import triton.language as tl

# Triton's decorator looks at TRITON_INTERPRET when it is applied, and never again.
INTERPRETED: bool = triton.knobs.runtime.interpret
# Triton would compile once more for sizes of 1 and for multiples of 16; in the latter case it would give each thread
# four neighbouring channels, and sums over states would cross threads.
SIZES = ["L", "E", "N", "K", "chunks"]
LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def softplus(x):
    """log(1 + exp(x)) and its derivative. The GPU's own logarithm is not accurate near 1: with z = exp(-|x|) it is
    max(x, 0) + log(1 + z), and log(1 + z) = 2 artanh(s) with s = z / (2 + z), at most 1/3, whose series is cut where
    float32 ends. Above 20 it is x to the last bit, as in the released kernels."""
    z = tl.exp(-tl.abs(x))
    s = z / (2 + z)
    q = s * s
    series = 1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13 + q * (1 / 15))))))
    value = tl.where(x > 0, x, 0) + 2 * s * (1 + q * series)
    slope = tl.where(x > 0, 1, z) / (1 + z)
    return value, slope


@triton.jit
def steps_of(
    u, delta, delta_bias, orders, dt_proj, bk, first, e, L, E, K,
    RANK: tl.constexpr, SOFTPLUS: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Of the steps of a chunk, in tuples: the token visited; u, the step sizes and the softplus's derivatives there.

    Steps after the last repeat its token with step sizes of 0, which changes no state.
    """
    k, mask = bk % K, e < E
    u += bk // K * L * E + e
    if dt_proj is None:
        delta += bk * L * E + e
    else:
        r = tl.arange(0, RANK)[:, None]
        delta += bk * L * RANK + r
        weight = tl.load(dt_proj + k * RANK * E + (r * E + e), mask=mask, other=0.0)
    bias = tl.zeros(e.shape, tl.float32)
    if delta_bias is not None:
        bias = tl.load(delta_bias + k * E + e, mask=mask, other=0.0)
    places, tokens, rates, slopes = (), (), (), ()
    for j in tl.static_range(STEPS):
        place = tl.minimum(first + j, L - 1)
        if orders is not None:
            place = tl.load(orders + (k * L + place)).to(tl.int32)
        if dt_proj is None:
            rate = tl.load(delta + place * E, mask=mask, other=0.0) + bias
        else:
            rate = tl.sum(tl.load(delta + place * RANK) * weight, 0, keep_dims=True) + bias
        slope = tl.full(e.shape, 1.0, tl.float32)
        if SOFTPLUS:
            rate, slope = softplus(rate)
        places = places + (place,)
        tokens = tokens + (tl.load(u + place * E, mask=mask, other=0.0),)
        rates = rates + (tl.where(first + j < L, rate, 0.0),)
        slopes = slopes + (slope,)
    return places, tokens, rates, slopes


@triton.jit
def rows_of(grad_y, places, bk, first, e, L, E, K, STEPS: tl.constexpr):
    """The gradients of y at the tokens of a chunk, a tuple element a step; 0 after the last."""
    grad_y += bk // K * L * E + e
    rows = ()
    for j in tl.static_range(STEPS):
        rows = rows + (tl.load(grad_y + places[j] * E, mask=(e < E) & (first + j < L), other=0.0),)
    return rows


@triton.jit
def walk(state, rates, tokens, places, power, B, N, STEPS: tl.constexpr):
    """The states before every step of a chunk and, last, the one that it ends in."""
    states = (state,)
    for j in tl.static_range(STEPS):
        inflow = tl.load(B + places[j] * N) * (rates[j] * tokens[j])
        state = tl.exp2(rates[j] * power) * state + inflow
        states = states + (state,)
    return states


@triton.jit(do_not_specialize=SIZES)
def summarise(
    u, delta, A, B, C, delta_bias, orders, dt_proj, grad_y, totals, states, adjoints, L, E, N, K,
    RANK: tl.constexpr, SOFTPLUS: tl.constexpr, STEPS: tl.constexpr, STATES: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Of each chunk: its sum of step sizes, the state it ends in if it starts from 0, and, given grad_y, the gradient
    of the state it starts from as far as its own outputs go.

    totals (batch, K, chunks, E); states and adjoints (batch, K, chunks + 1, N, E), at place chunk + 1 and chunk.
    """
    chunk, chunks, bk = tl.program_id(0), tl.num_programs(0), tl.program_id(1).to(tl.int64)
    e, first = (tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS))[None, :], chunk * STEPS
    places, tokens, rates, _ = steps_of(
        u, delta, delta_bias, orders, dt_proj, bk, first, e, L, E, K, RANK, SOFTPLUS, STEPS
    )
    total = rates[0]
    for j in tl.static_range(1, STEPS):
        total += rates[j]
    tl.store(totals + (bk * chunks + chunk) * E + e, total, mask=e < E)
    if grad_y is not None:
        grads = rows_of(grad_y, places, bk, first, e, L, E, K, STEPS)
    border = (bk * (chunks + 1) + chunk) * N * E
    for first_state in range(0, N, STATES):
        n = first_state + tl.arange(0, STATES)[:, None]
        power = LOG2_E * tl.load(A + bk % K * N * E + (n * E + e), mask=e < E, other=0.0)
        state = walk(tl.zeros_like(power), rates, tokens, places, power, B + bk * L * N + n, N, STEPS)[STEPS]
        tl.store(states + border + N * E + (n * E + e), state, mask=e < E)
        if grad_y is not None:
            kept, adjoint = tl.full(power.shape, 1.0, tl.float32), tl.zeros_like(power)
            for j in tl.static_range(STEPS):
                kept *= tl.exp2(rates[j] * power)
                adjoint += kept * (tl.load(C + bk * L * N + (places[j] * N + n)) * grads[j])
            tl.store(adjoints + border + (n * E + e), adjoint, mask=e < E)


@triton.jit(do_not_specialize=SIZES)
def carry(
    A, totals, states, E, N, K, chunks, REVERSE: tl.constexpr, GROUP: tl.constexpr, CHANNELS: tl.constexpr
):  # fmt: skip
    """Turn, in place, what chunks add into true states, from the first chunk on (REVERSE: into true gradients of
    states, from the last chunk back). A program is one state of CHANNELS channels.

    What GROUP chunks add is read before the first of it is used: waiting for each would be most of the time.
    """
    n, bk = tl.program_id(0), tl.program_id(1).to(tl.int64)
    e = tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS)
    power = LOG2_E * tl.load(A + (bk % K * N + n) * E + e, mask=e < E, other=0.0)
    totals += bk * chunks * E + e
    states += (bk * (chunks + 1) * N + n) * E + e
    state = tl.zeros((CHANNELS,), tl.float32)
    for first in range(0, chunks, GROUP):
        rates, inflows, places = (), (), ()
        for j in tl.static_range(GROUP):
            chunk = tl.minimum(first + j, chunks - 1).to(tl.int64)
            chunk = chunks - 1 - chunk if REVERSE else chunk
            place = states + (chunk if REVERSE else chunk + 1) * N * E
            places = places + (place,)
            inflows = inflows + (tl.load(place, mask=e < E, other=0.0),)
            rates = rates + (tl.load(totals + chunk * E, mask=e < E, other=0.0),)
        for j in tl.static_range(GROUP):
            state = tl.exp2(rates[j] * power) * state + inflows[j]
            tl.store(places[j], state, mask=(e < E) & (first + j < chunks))


@triton.jit(do_not_specialize=SIZES)
def outputs(
    u, delta, A, B, C, D, delta_bias, orders, dt_proj, states, y, L, E, N, K,
    RANK: tl.constexpr, SOFTPLUS: tl.constexpr, STEPS: tl.constexpr, STATES: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """y (batch, K, L, E) of every direction, in grid order, from the states in which chunks start."""
    chunk, chunks, bk = tl.program_id(0), tl.num_programs(0), tl.program_id(1).to(tl.int64)
    e, first = (tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS))[None, :], chunk * STEPS
    places, tokens, rates, _ = steps_of(
        u, delta, delta_bias, orders, dt_proj, bk, first, e, L, E, K, RANK, SOFTPLUS, STEPS
    )
    skip = tl.zeros(e.shape, tl.float32)
    if D is not None:
        skip = tl.load(D + bk % K * E + e, mask=e < E, other=0.0)
    ys = ()
    for j in tl.static_range(STEPS):
        ys = ys + (skip * tokens[j],)
    border = (bk * (chunks + 1) + chunk) * N * E
    for first_state in range(0, N, STATES):
        n = first_state + tl.arange(0, STATES)[:, None]
        power = LOG2_E * tl.load(A + bk % K * N * E + (n * E + e), mask=e < E, other=0.0)
        state = tl.load(states + border + (n * E + e), mask=e < E, other=0.0)
        walked = walk(state, rates, tokens, places, power, B + bk * L * N + n, N, STEPS)
        sums = ()
        for j in tl.static_range(STEPS):
            c = tl.load(C + bk * L * N + (places[j] * N + n))
            sums = sums + (ys[j] + tl.sum(c * walked[j + 1], 0, keep_dims=True),)
        ys = sums
    y += bk * L * E + e
    for j in tl.static_range(STEPS):
        tl.store(y + places[j] * E, ys[j], mask=(e < E) & (first + j < L))


@triton.jit
def walk_back(
    states, back, A, rates, tokens, grads, ddrives, drates, places, B, C, dB, dC, inside, N, STEPS: tl.constexpr
):  # fmt: skip
    """A chunk from its last step to its first, for STATES states: stores the gradients of B and C, adds to those of
    rate * u (`ddrives`) and of the rate where it multiplies A (`drates`), and returns both and that of A.

    back : gradient (STATES, CHANNELS) of the state after a step, as far as later steps are concerned
    inside : number of steps that the chunk really has
    """
    dA, new_ddrives, new_drates = tl.zeros_like(A), (), ()
    for j in tl.static_range(STEPS - 1, -1, -1):
        at = places[j] * N
        b, drive = tl.load(B + at), rates[j] * tokens[j]
        tl.store(dC + at, tl.sum(states[j + 1] * grads[j], 1, keep_dims=True), mask=j < inside)
        back += tl.load(C + at) * grads[j]
        tl.store(dB + at, tl.sum(back * drive, 1, keep_dims=True), mask=j < inside)
        new_ddrives = (ddrives[j] + tl.sum(back * b, 0, keep_dims=True),) + new_ddrives
        back *= tl.exp2(rates[j] * (LOG2_E * A))
        exponent = back * states[j]  # gradient of rate * A
        new_drates = (drates[j] + tl.sum(exponent * A, 0, keep_dims=True),) + new_drates
        dA += exponent * rates[j]
    return new_ddrives, new_drates, dA


@triton.jit(do_not_specialize=SIZES)
def gradients(
    u, delta, A, B, C, D, delta_bias, orders, dt_proj, grad_y, states, adjoints, du, ddelta, dB, dC, L, E, N, K,
    RANK: tl.constexpr, SOFTPLUS: tl.constexpr, STEPS: tl.constexpr, STATES: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """du and ddelta (batch, K, L, E) of every direction, in grid order; dB and dC of every block of channels (blocks,
    batch, K, L, N); dA of every chunk, in the place of the adjoint that enters it at its end, which no other program
    reads.

    The states of a chunk are computed again and stay in registers; then the chunk is walked backwards.
    """
    chunk, chunks, bk = tl.program_id(0), tl.num_programs(0), tl.program_id(1).to(tl.int64)
    e, first = (tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS))[None, :], chunk * STEPS
    places, tokens, rates, slopes = steps_of(
        u, delta, delta_bias, orders, dt_proj, bk, first, e, L, E, K, RANK, SOFTPLUS, STEPS
    )
    grads = rows_of(grad_y, places, bk, first, e, L, E, K, STEPS)
    ddrives, drates = (), ()
    for j in tl.static_range(STEPS):
        ddrives = ddrives + (tl.zeros_like(rates[j]),)
        drates = drates + (tl.zeros_like(rates[j]),)
    border = (bk * (chunks + 1) + chunk) * N * E
    block = (tl.program_id(2) * tl.num_programs(1) + bk) * L * N
    for first_state in range(0, N, STATES):
        n = first_state + tl.arange(0, STATES)[:, None]
        rate_of_state = tl.load(A + bk % K * N * E + (n * E + e), mask=e < E, other=0.0)
        state = tl.load(states + border + (n * E + e), mask=e < E, other=0.0)
        own = bk * L * N + n
        walked = walk(state, rates, tokens, places, LOG2_E * rate_of_state, B + own, N, STEPS)
        at_end = adjoints + border + N * E + (n * E + e)
        back = tl.load(at_end, mask=e < E, other=0.0)
        ddrives, drates, sum_A = walk_back(
            walked, back, rate_of_state, rates, tokens, grads, ddrives, drates, places,
            B + own, C + own, dB + block + n, dC + block + n, L - first, N, STEPS,
        )  # fmt: skip
        tl.store(at_end, sum_A, mask=e < E)
    skip = tl.zeros(e.shape, tl.float32)
    if D is not None:
        skip = tl.load(D + bk % K * E + e, mask=e < E, other=0.0)
    for j in tl.static_range(STEPS):
        at, mask = bk * L * E + (places[j] * E + e), (e < E) & (first + j < L)
        tl.store(du + at, ddrives[j] * rates[j] + skip * grads[j], mask=mask)
        tl.store(ddelta + at, (drates[j] + ddrives[j] * tokens[j]) * slopes[j], mask=mask)
