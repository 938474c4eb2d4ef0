// One strand of the scan: one direction of one batch item, one vector of channels, up to 16 states.
//
// Per channel c and state n, with d = softplus(delta + bias) (h starts at 0):
//     h = exp(d * A[n]) * h + d * B[n] * u        y += sum_n C[n] * h + D * u
// A strand is walked chunk by chunk; what it carries from one chunk to the next is kept in it.
#pragma once
#include <algorithm>
#include <vector>

#include "lanes.hpp"

constexpr int STATES = 16;  // of a strand: other counts go in groups of 16, the last padded with zeros
#ifndef CHUNK
#error "models/ssm/native.py says how many steps a chunk has: between the states that the forward pass keeps"
#endif

// Shared with models/ssm/native.py, field by field.
struct Strides {
  int64_t batch, direction, token;  // between rows; the numbers of a row lie side by side
};
struct Shape {
  int64_t batch, directions, length, channels, states, rank, softplus, threads;
  Strides delta, B, C;
};

template <class T> struct Inputs {  // layouts in native.py; D, bias, dt_proj may be null
  const T *u, *delta, *A, *B, *C, *D, *bias;
  const int64_t* orders;
  const T* dt_proj;
};

// What a direction of a batch item reads and in which order.
template <class T> struct Path {
  const int64_t* order;
  const T *u, *delta, *B, *C;  // row of token 0
  int64_t length, channels, states, rank, delta_row, B_row, C_row;
  bool softplus;

  Path(const Shape& s, const Inputs<T>& in, int64_t b, int64_t k)
      : order(in.orders + k * s.length), u(in.u + b * s.length * s.channels),
        delta(in.delta + b * s.delta.batch + k * s.delta.direction), B(in.B + b * s.B.batch + k * s.B.direction),
        C(in.C + b * s.C.batch + k * s.C.direction), length(s.length), channels(s.channels), states(s.states),
        rank(s.rank), delta_row(s.delta.token), B_row(s.B.token), C_row(s.C.token), softplus(s.softplus) {}
};

template <class T> struct Strand {
  int64_t channel, state;  // the first ones
  int width, count;        // channels and states, the rest are padding
  bool first_group;        // of states: it alone adds D u
  Vec<T> bias{}, skip{}, limit{}, A[STATES] = {};  // A times log2(e); no step is longer than limit
  Vec<T> carried[STATES] = {};                     // forward: h; backward: the gradient of the loss by h
  std::vector<Vec<T>> dt_proj;                     // a vector of channels for each number of the low-rank step

  Strand(const Shape& s, const Inputs<T>& in, int64_t k, int64_t channel, int64_t state)
      : channel(channel), state(state), width(int(std::min<int64_t>(LANES<T>, s.channels - channel))),
        count(int(std::min<int64_t>(STATES, s.states - state))), first_group(state == 0), dt_proj(s.rank) {
    const int64_t row = k * s.channels + channel;
    if (in.bias) bias = load<T, false>(in.bias + row, width);
    if (in.D && first_group) skip = load<T, false>(in.D + row, width);
    for (int i = 0; i < width; ++i) {
      T fastest = 1;
      for (int n = 0; n < count; ++n) {
        A[n][i] = in.A[(row + i) * s.states + state + n] * T(1 / LN2);
        fastest = std::max(fastest, std::abs(A[n][i]));
      }
      limit[i] = T(1e38) / fastest;  // so that d A stays finite, as exp2v wants it
      for (int r = 0; r < s.rank; ++r) dt_proj[r][i] = in.dt_proj[(row + i) * s.rank + r];
    }
  }
  bool full() const { return width == LANES<T> && count == STATES; }
};

// The steps of one chunk of a path: tokens, and their rows of B and C.
template <class T> struct Chunk {
  int steps;
  int64_t token[CHUNK], next[CHUNK];  // next: tokens of the chunk to come, whose places the hardware does not guess
  const T *B[CHUNK], *C[CHUNK], *delta[CHUNK];

  Chunk(const Path<T>& path, int64_t start, int64_t following) : steps(int(std::min<int64_t>(CHUNK, path.length - start))) {
    for (int i = 0; i < steps; ++i) {
      const int64_t t = token[i] = path.order[start + i];
      B[i] = path.B + t * path.B_row;
      C[i] = path.C + t * path.C_row;
      delta[i] = path.delta + t * path.delta_row;
      const int64_t after = next[i] = path.order[std::min(std::max<int64_t>(following + i, 0), path.length - 1)];
      __builtin_prefetch(path.B + after * path.B_row);
      __builtin_prefetch(path.C + after * path.C_row);
      if (path.rank) __builtin_prefetch(path.delta + after * path.delta_row);
    }
  }
};

template <class T> struct Step {  // what one step of a strand reads
  Vec<T> d, du, slope, u;         // d: step size, du: d times u
  const T *B, *C;
};

template <class T> struct Padded {  // rows of B and C where a strand has fewer states
  T B[CHUNK][STATES], C[CHUNK][STATES];
};

template <class T, bool Full> inline const T* row(const T* from, int count, T* padded) {
  if (Full) return from;
  for (int n = 0; n < STATES; ++n) padded[n] = n < count ? from[n] : T(0);
  return padded;
}

template <class T, bool Full> inline Vec<T> raw_step(const Path<T>& path, const Strand<T>& s, const T* delta) {
  if (!path.rank) return load<T, Full>(delta + s.channel, s.width) + s.bias;
  Vec<T> sum[2] = {s.bias};
  int64_t r = 0;
  for (; r + 4 <= path.rank; r += 4) {
    sum[0] += s.dt_proj[r] * delta[r];
    sum[1] += s.dt_proj[r + 1] * delta[r + 1];
    sum[0] += s.dt_proj[r + 2] * delta[r + 2];
    sum[1] += s.dt_proj[r + 3] * delta[r + 3];
  }
  for (; r < path.rank; ++r) sum[0] += s.dt_proj[r] * delta[r];
  return sum[0] + sum[1];
}

// Reads the steps of a chunk; `also` is prefetched with the next chunk's rows.
template <class T, bool Full, bool Slope>
void read_chunk(const Path<T>& path, const Strand<T>& s, const Chunk<T>& chunk, const T* also, Step<T>* steps,
                Padded<T>& padded) {
  for (int i = 0; i < chunk.steps; ++i) {
    Step<T>& step = steps[i];
    const int64_t at = chunk.token[i] * path.channels + s.channel, next = chunk.next[i] * path.channels + s.channel;
    __builtin_prefetch(path.u + next);
    __builtin_prefetch(also + next);
    if (!path.rank) __builtin_prefetch(path.delta + chunk.next[i] * path.delta_row + s.channel);
    Vec<T> slope = Vec<T>{} + T(1), d = raw_step<T, Full>(path, s, chunk.delta[i]);
    if (path.softplus) d = softplus<T>(d, slope);
    if (Slope) step.slope = slope;
    step.u = load<T, Full>(path.u + at, s.width);
    step.du = d * step.u;
    step.d = d > s.limit ? s.limit : d;
    step.B = row<T, Full>(chunk.B[i] + s.state, s.count, padded.B[i]);
    step.C = row<T, Full>(chunk.C[i] + s.state, s.count, padded.C[i]);
  }
}

template <class T> struct Workspace {  // one a thread
  Step<T> steps[CHUNK];
  Padded<T> padded;
  Vec<T> before[CHUNK + 1][STATES], decay[CHUNK][STATES];  // of the backward: states before each step, and exp(d A)
  Vec<T> grad_step[CHUNK];                                 // gradient of the step before softplus
};

// y: row of token 0 of a batch item. The first strand of these rows sets them, the others add.
template <class T, bool Full>
void forward_chunk(const Path<T>& path, Strand<T>& s, const Chunk<T>& chunk, T* y, bool add, Workspace<T>& w) {
  read_chunk<T, Full, false>(path, s, chunk, y, w.steps, w.padded);
  Vec<T> h[STATES];
  std::copy_n(s.carried, STATES, h);
  for (int i = 0; i < chunk.steps; ++i) {
    const Step<T>& step = w.steps[i];
    Vec<T> sum[4] = {s.skip * step.u};  // four sums: one would be a chain of 16 dependent additions
#pragma GCC unroll 16
    for (int n = 0; n < STATES; ++n) {
      h[n] = exp2v(step.d * s.A[n]) * h[n] + step.du * step.B[n];
      sum[n % 4] += h[n] * step.C[n];
    }
    store<T, Full>(y + chunk.token[i] * path.channels + s.channel, (sum[0] + sum[1]) + (sum[2] + sum[3]), s.width,
                   add);
  }
  std::copy_n(h, STATES, s.carried);
}

template <class T> struct Gradients {
  T *u, *delta, *A, *B, *C, *D, *bias, *dt_proj;
};

template <class T> struct Sums {  // gradients of what is constant along a strand, A's in units of log2(e)
  Vec<T> A[STATES] = {}, D{}, bias{};
  std::vector<Vec<T>> dt_proj;
};

// Fills in the states before and the decays of the steps of a chunk that starts in the states w.before[0].
template <class T> void recompute_chunk(const Strand<T>& s, int steps, Workspace<T>& w) {
  Vec<T> h[STATES];
  std::copy_n(w.before[0], STATES, h);
  for (int i = 0; i < steps; ++i) {
    const Step<T>& step = w.steps[i];
#pragma GCC unroll 16
    for (int n = 0; n < STATES; ++n) {
      const Vec<T> a = w.decay[i][n] = exp2v(step.d * s.A[n]);
      h[n] = w.before[i + 1][n] = a * h[n] + step.du * step.B[n];
    }
  }
}

template <class T, bool Full>
inline void store_state_rows(T* B, T* C, const Vec<T>* g, const Vec<T>* h, Vec<T> du, Vec<T> gy, int count, bool add) {
  for (int n = 0; n < STATES; n += LANES<T>) {
    const int width = std::min(LANES<T>, count - n);
    if (width <= 0) break;
    store<T, Full>(B + n, lane_sums<T, 1>([&](int m) { return g[m] * du; }, n), width, add);
    store<T, Full>(C + n, lane_sums<T, 1>([&](int m) { return h[m] * gy; }, n), width, add);
  }
}

// Walks a recomputed chunk backwards. The rows of `out` are those of a batch item and direction in grid order; add and
// add_states: whether du, and dB and dC, have been set before.
template <class T, bool Full>
void reverse_chunk(const Path<T>& path, Strand<T>& s, const Chunk<T>& chunk, const T* grad_y, bool add, bool add_states,
                   const Gradients<T>& out, Sums<T>& sums, Workspace<T>& w) {
  Vec<T> g[STATES];
  std::copy_n(s.carried, STATES, g);
  Vec<T> by_A[STATES] = {}, by_bias{}, by_D{};  // summed apart, which keeps long sums accurate
  for (int i = chunk.steps - 1; i >= 0; --i) {
    const Step<T>& step = w.steps[i];
    const int64_t at = chunk.token[i] * path.channels + s.channel, states = chunk.token[i] * path.states + s.state;
    const Vec<T> gy = load<T, Full>(grad_y + at, s.width);
#pragma GCC unroll 16
    for (int n = 0; n < STATES; ++n) g[n] += gy * step.C[n];
    store_state_rows<T, Full>(out.B + states, out.C + states, g, w.before[i + 1], step.du, gy, s.count, add_states);
    Vec<T> by_input[2] = {}, by_decay[2] = {};
#pragma GCC unroll 16
    for (int n = 0; n < STATES; ++n) {
      by_input[n % 2] += g[n] * step.B[n];
      g[n] *= w.decay[i][n];
      const Vec<T> by_exponent = g[n] * w.before[i][n];
      by_decay[n % 2] += by_exponent * s.A[n];
      by_A[n] += by_exponent * step.d;
    }
    const Vec<T> b = by_input[0] + by_input[1], e = (by_decay[0] + by_decay[1]) * T(LN2);
    w.grad_step[i] = (b * step.u + e) * step.slope;
    store<T, Full>(out.u + at, b * step.d + s.skip * gy, s.width, add);
    by_bias += w.grad_step[i];
    by_D += gy * step.u;
  }
  std::copy_n(g, STATES, s.carried);
  for (int n = 0; n < STATES; ++n) sums.A[n] += by_A[n];
  sums.bias += by_bias;
  sums.D += by_D;
}

// The gradient of the steps goes out as it is, or through the low-rank product: ddelta[t] = dt_proj^T grad_step.
template <class T, bool Full>
void step_gradients(const Path<T>& path, const Strand<T>& s, const Chunk<T>& chunk, bool add, T* delta, Sums<T>& sums,
                    Workspace<T>& w) {
  const int steps = chunk.steps;
  if (!path.rank) {
    for (int i = 0; i < steps; ++i)
      store<T, Full>(delta + chunk.token[i] * path.channels + s.channel, w.grad_step[i], s.width, !s.first_group);
    return;
  }
  for (int i = steps; i < CHUNK; ++i) w.grad_step[i] = Vec<T>{};
  for (int64_t r = 0; r < path.rank; ++r) {
    Vec<T> by_weight{};
    for (int i = 0; i < steps; ++i)
      by_weight += w.grad_step[i] * chunk.delta[i][r];
    sums.dt_proj[r] += by_weight;
    for (int first = 0; first < CHUNK; first += LANES<T>) {
      const Vec<T> by_low = lane_sums<T, 1>([&](int i) { return w.grad_step[i] * s.dt_proj[r]; }, first);
      for (int i = first; i < std::min(steps, first + LANES<T>); ++i) {
        T& to = delta[chunk.token[i] * path.rank + r];
        to = by_low[i - first] + (add ? to : T(0));
      }
    }
  }
}

// `kept`: the states in which the chunk starts, (states, channels).
template <class T, bool Full>
void backward_chunk(const Path<T>& path, Strand<T>& s, const Chunk<T>& chunk, const T* kept, const T* grad_y, bool add,
                    bool add_states, const Gradients<T>& out, Sums<T>& sums, Workspace<T>& w) {
  for (int n = 0; n < STATES; ++n)
    w.before[0][n] =
        n < s.count ? load<T, Full>(kept + (s.state + n) * path.channels + s.channel, s.width) : Vec<T>{};
  read_chunk<T, Full, true>(path, s, chunk, grad_y, w.steps, w.padded);
  recompute_chunk<T>(s, chunk.steps, w);
  reverse_chunk<T, Full>(path, s, chunk, grad_y, add, add_states, out, sums, w);
  step_gradients<T, Full>(path, s, chunk, add_states || !s.first_group, out.delta, sums, w);
}
