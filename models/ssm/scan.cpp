// The selective scan on a CPU, forward and backward, all scan directions in one walk over the tokens.
//
// Per direction k, channel c and state n, with d = softplus(delta + bias) (h starts at 0):
//     h = exp(d * A[n]) * h + d * B[n] * u        y += sum_n C[n] * h + D * u
// Tokens are never permuted: step l of direction k reads and writes row orders[k][l] of the token grid.
//
// One strand is one batch item, one direction, one vector of channels and 16 states, which live in registers.
// Each output element is written by one unit of work, and sums over units are taken in a fixed order, so the
// result does not depend on the number of threads. The build must not use -ffast-math: exp2v relies on
// the order of its additions, and NaN must stay NaN.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "lanes.hpp"

constexpr int STATES = 16;   // of a strand: other counts go in groups of 16, the last padded with zeros
constexpr int CHUNK = 16;    // steps between the states that the backward keeps: a chunk's states fit in L1
constexpr int AHEAD = 12;    // steps to prefetch ahead: the stride between tokens defeats the hardware
constexpr int PARTIALS = 8;  // units that the backward is cut into, about; each sums dB and dC apart

// Shared with models/ssm/native.py, field by field.
struct Shape {
  int64_t batch, directions, length, channels, states, softplus, threads;
};

// ---- one strand -----------------------------------------------------------------------------------------

template <class T> struct Inputs {  // layouts in native.py; D and bias may be null
  const T *u, *delta, *A, *B, *C, *D, *bias;
  const int64_t* orders;
};

template <class T> struct Strand {
  const T *u, *delta, *B, *C;  // row of token 0, at this strand's first channel or state
  const int64_t* order;
  int64_t length, channels, states;  // channels and states: distances between rows
  int width, count;                  // channels and states of this strand, the rest are padding
  bool softplus, first_group;
  Vec<T> bias, skip, A[STATES];  // A times log2(e)

  Strand(const Shape& s, const Inputs<T>& in, int64_t b, int64_t k, int64_t channel, int64_t state)
      : order(in.orders + k * s.length), length(s.length), channels(s.channels), states(s.states),
        width(int(std::min<int64_t>(LANES<T>, s.channels - channel))),
        count(int(std::min<int64_t>(STATES, s.states - state))), softplus(s.softplus),
        first_group(state == 0), bias{}, skip{}, A{} {
    const int64_t item = b * s.directions + k, row = k * s.channels + channel;
    u = in.u + b * length * channels + channel;
    delta = in.delta + item * length * channels + channel;
    B = in.B + item * length * states + state;
    C = in.C + item * length * states + state;
    if (in.bias) bias = load<T, false>(in.bias + row, width);
    if (in.D && first_group) skip = load<T, false>(in.D + row, width);
    for (int i = 0; i < width; ++i)
      for (int n = 0; n < count; ++n) A[n][i] = in.A[(row + i) * states + state + n] * T(1 / LN2);
  }
  bool full() const { return width == LANES<T> && count == STATES; }
};

template <class T> struct Step {  // what one step reads
  int64_t token;
  Vec<T> d, slope, u;
  const T *B, *C;
  T padded_B[STATES], padded_C[STATES];
};

template <class T, bool Full> inline const T* row(const T* from, int count, T* padded) {
  if (Full) return from;
  for (int n = 0; n < STATES; ++n) padded[n] = n < count ? from[n] : T(0);
  return padded;
}

template <class T, bool Full> inline void read(const Strand<T>& s, int64_t l, Step<T>& step) {
  const int64_t t = step.token = s.order[l];
  step.d = load<T, Full>(s.delta + t * s.channels, s.width) + s.bias;
  step.slope = Vec<T>{} + T(1);
  if (s.softplus) step.d = softplus<T>(step.d, step.slope);
  step.u = load<T, Full>(s.u + t * s.channels, s.width);
  step.B = row<T, Full>(s.B + t * s.states, s.count, step.padded_B);
  step.C = row<T, Full>(s.C + t * s.states, s.count, step.padded_C);
}

template <class T> inline void prefetch(const Strand<T>& s, int64_t l, const T* also) {
  const int64_t t = s.order[l];
  __builtin_prefetch(s.delta + t * s.channels);
  __builtin_prefetch(s.u + t * s.channels);
  __builtin_prefetch(s.B + t * s.states);
  __builtin_prefetch(s.C + t * s.states);
  __builtin_prefetch(also + t * s.channels);
}

// y: row of token 0 at the strand's first channel. The first strand of these rows sets them, the others add.
template <class T, bool Full> void forward_strand(const Strand<T>& s, T* y, bool add) {
  Vec<T> h[STATES] = {};
  Step<T> step;
  for (int64_t l = 0; l < s.length; ++l) {
    prefetch(s, std::min(l + AHEAD, s.length - 1), y);
    read<T, Full>(s, l, step);
    const Vec<T> du = step.d * step.u;
    Vec<T> sum[4] = {s.skip * step.u};  // four sums: one would be a chain of 16 dependent additions
#pragma GCC unroll 16
    for (int n = 0; n < STATES; ++n) {
      h[n] = exp2v(step.d * s.A[n]) * h[n] + du * step.B[n];
      sum[n % 4] += h[n] * step.C[n];
    }
    store<T, Full>(y + step.token * s.channels, (sum[0] + sum[1]) + (sum[2] + sum[3]), s.width, add);
  }
}

template <class T> struct Gradients {
  T *u, *delta, *A, *B, *C, *D, *bias;
};

template <class T> struct Workspace {  // one a thread
  std::vector<Vec<T>> starts;          // states at the start of each chunk, (chunks, STATES)
  Step<T> steps[CHUNK];
  Vec<T> before[CHUNK + 1][STATES], decay[CHUNK][STATES];  // states before each step, and exp(d A)
  explicit Workspace(int64_t length) : starts((length + CHUNK - 1) / CHUNK * STATES) {}
};

// Keeps the states at the start of every chunk.
template <class T, bool Full> void keep_states(const Strand<T>& s, Workspace<T>& w) {
  Vec<T> h[STATES] = {};
  Step<T> step;
  for (int64_t l = 0; l < s.length; ++l) {
    if (l % CHUNK == 0) std::copy(h, h + STATES, &w.starts[l / CHUNK * STATES]);
    prefetch(s, std::min(l + AHEAD, s.length - 1), s.u);
    read<T, Full>(s, l, step);
    const Vec<T> du = step.d * step.u;
#pragma GCC unroll 16
    for (int n = 0; n < STATES; ++n) h[n] = exp2v(step.d * s.A[n]) * h[n] + du * step.B[n];
  }
}

template <class T, bool Full>
void recompute_chunk(const Strand<T>& s, int64_t start, int steps, Workspace<T>& w) {
  Vec<T> h[STATES];
  std::copy_n(&w.starts[start / CHUNK * STATES], STATES, h);
  std::copy_n(h, STATES, w.before[0]);
  for (int i = 0; i < steps; ++i) {
    Step<T>& step = w.steps[i];
    read<T, Full>(s, start + i, step);
    const Vec<T> du = step.d * step.u;
#pragma GCC unroll 16
    for (int n = 0; n < STATES; ++n) {
      const Vec<T> a = w.decay[i][n] = exp2v(step.d * s.A[n]);
      h[n] = w.before[i + 1][n] = a * h[n] + du * step.B[n];
    }
  }
}

template <class T> struct Sums {  // gradients of what is constant along a strand, A's in units of log2(e)
  Vec<T> A[STATES], D, bias;
};

template <class T, bool Full>
void store_state_rows(T* B, T* C, const Vec<T>* g, const Vec<T>* h, Vec<T> du, Vec<T> gy, int count,
                      bool add) {
  for (int n = 0; n < STATES; n += LANES<T>) {
    const int width = std::min(LANES<T>, count - n);
    if (width <= 0) break;
    store<T, Full>(B + n, lane_sums<T, 1>([&](int m) { return g[m] * du; }, n), width, add);
    store<T, Full>(C + n, lane_sums<T, 1>([&](int m) { return h[m] * gy; }, n), width, add);
  }
}

// Walks one recomputed chunk backwards; g: gradient of the loss by the state, carried from chunk to chunk.
template <class T, bool Full>
void reverse_chunk(const Strand<T>& s, const T* grad_y, int steps, bool add, bool add_states,
                   const Gradients<T>& out, Vec<T>* carried, Sums<T>& sums, Workspace<T>& w) {
  Vec<T> g[STATES];
  std::copy_n(carried, STATES, g);
  Sums<T> chunk{};  // summed apart, which keeps long sums accurate
  for (int i = steps - 1; i >= 0; --i) {
    const Step<T>& step = w.steps[i];
    const int64_t t = step.token;
    const Vec<T> gy = load<T, Full>(grad_y + t * s.channels, s.width), du = step.d * step.u;
#pragma GCC unroll 16
    for (int n = 0; n < STATES; ++n) g[n] += gy * step.C[n];
    store_state_rows<T, Full>(out.B + t * s.states, out.C + t * s.states, g, w.before[i + 1], du, gy, s.count,
                              add_states);
    Vec<T> by_input[2] = {}, by_decay[2] = {};
#pragma GCC unroll 16
    for (int n = 0; n < STATES; ++n) {
      by_input[n % 2] += g[n] * step.B[n];
      g[n] *= w.decay[i][n];
      const Vec<T> by_exponent = g[n] * w.before[i][n];
      by_decay[n % 2] += by_exponent * s.A[n];
      chunk.A[n] += by_exponent * step.d;
    }
    const Vec<T> b = by_input[0] + by_input[1], e = (by_decay[0] + by_decay[1]) * T(LN2);
    const Vec<T> grad_delta = (b * step.u + e) * step.slope;
    store<T, Full>(out.delta + t * s.channels, grad_delta, s.width, !s.first_group);
    store<T, Full>(out.u + t * s.channels, b * step.d + s.skip * gy, s.width, add);
    chunk.bias += grad_delta;
    chunk.D += gy * step.u;
  }
  std::copy_n(g, STATES, carried);
  for (int n = 0; n < STATES; ++n) sums.A[n] += chunk.A[n];
  sums.bias += chunk.bias;
  sums.D += chunk.D;
}

// `out` points at this strand's rows; add and add_states: whether du, and dB and dC, have been set before.
template <class T, bool Full>
void backward_strand(const Strand<T>& s, const T* grad_y, bool add, bool add_states, const Gradients<T>& out,
                     Workspace<T>& w) {
  keep_states<T, Full>(s, w);
  Vec<T> carried[STATES] = {};
  Sums<T> sums{};
  for (int64_t start = (s.length - 1) / CHUNK * CHUNK; start >= 0 && s.length > 0; start -= CHUNK) {
    const int steps = int(std::min<int64_t>(CHUNK, s.length - start));
    recompute_chunk<T, Full>(s, start, steps, w);
    reverse_chunk<T, Full>(s, grad_y, steps, add, add_states, out, carried, sums, w);
  }
  for (int i = 0; i < s.width; ++i)
    for (int n = 0; n < s.count; ++n) out.A[i * s.states + n] = sums.A[n][i];
  store<T, false>(out.bias, sums.bias, s.width, !s.first_group);
  if (s.first_group) store<T, false>(out.D, sums.D, s.width, false);
}

// ---- sharing out the work -------------------------------------------------------------------------------

// Each of up to `threads` threads calls make(), and what that returns on units until all of them are done.
// Returns 1 if memory ran out.
template <class F> int share_out(int64_t units, int64_t threads, F make) {
  std::atomic<int64_t> next{0};
  std::atomic<int> failed{0};
  auto run = [&] {
    try {
      auto work = make();
      for (int64_t unit; (unit = next++) < units;) work(unit);
    } catch (...) {
      failed = 1;
    }
  };
  std::vector<std::thread> others;
  try {
    for (int64_t i = 1; i < std::min(threads, units); ++i) others.emplace_back(run);
  } catch (...) {  // the system grants no more threads: those there are share the work
  }
  run();
  for (auto& other : others) other.join();
  return failed;
}

template <class T> int64_t blocks_of(const Shape& s) { return (s.channels + LANES<T> - 1) / LANES<T>; }

template <class T> int scan_forward(const Shape& s, const Inputs<T>& in, T* y) {
  const int64_t blocks = blocks_of<T>(s);
  return share_out(s.batch * blocks, s.threads, [&] {
    return [&](int64_t unit) {
      const int64_t b = unit / blocks, channel = unit % blocks * LANES<T>;
      for (int64_t k = 0; k < s.directions; ++k)
        for (int64_t state = 0; state < s.states; state += STATES) {
          const Strand<T> strand(s, in, b, k, channel, state);
          const auto walk = strand.full() ? forward_strand<T, true> : forward_strand<T, false>;
          walk(strand, y + b * s.length * s.channels + channel, k + state > 0);
        }
    };
  });
}

// `count` arrays of `size` that add up to `out`; a single one is `out` itself.
template <class T> struct Parts {
  int64_t count, size;
  T* out;
  std::unique_ptr<T[]> own;
  Parts(int64_t count, int64_t size, T* out)
      : count(count), size(size), out(out), own(count > 1 ? new T[count * size] : nullptr) {}
  T* part(int64_t p) const { return own ? &own[p * size] : out; }
  void add_up(int64_t from, int64_t to) const {  // always in the order of the parts
    for (int64_t p = 0; own && p < count; ++p)
      for (int64_t i = from; i < to; ++i) out[i] = (p ? out[i] : T(0)) + own[p * size + i];
  }
};

template <class T>
int scan_backward(const Shape& s, const Inputs<T>& in, const T* grad_y, const Gradients<T>& out) {
  const int64_t blocks = blocks_of<T>(s), rows = s.directions * s.channels, items = s.batch * s.directions;
  const int64_t groups = std::min(blocks, (PARTIALS + s.batch - 1) / s.batch);  // of channel blocks
  const int64_t grid = s.length * s.channels, state_rows = s.length * s.states;
  const Parts<T> A(s.batch, rows * s.states, out.A), D(s.batch, rows, out.D), bias(s.batch, rows, out.bias);
  const Parts<T> B(groups, items * state_rows, out.B), C(groups, items * state_rows, out.C);

  auto backward_unit = [&](int64_t b, int64_t group, Workspace<T>& w) {
    const int64_t first = group * blocks / groups, last = (group + 1) * blocks / groups;
    for (int64_t block = first; block < last; ++block)
      for (int64_t k = 0; k < s.directions; ++k)
        for (int64_t state = 0; state < s.states; state += STATES) {
          const int64_t channel = block * LANES<T>, item = b * s.directions + k;
          const int64_t row = k * s.channels + channel;
          const Gradients<T> at{
              out.u + b * grid + channel,
              out.delta + item * grid + channel,
              A.part(b) + row * s.states + state,
              B.part(group) + item * state_rows + state,
              C.part(group) + item * state_rows + state,
              D.part(b) + row,
              bias.part(b) + row,
          };
          const Strand<T> strand(s, in, b, k, channel, state);
          const auto walk = strand.full() ? backward_strand<T, true> : backward_strand<T, false>;
          walk(strand, grad_y + b * grid + channel, k + state > 0, block > first, at, w);
        }
  };
  if (share_out(s.batch * groups, s.threads, [&] {
        return [&, w = std::make_unique<Workspace<T>>(s.length)](int64_t unit) {
          backward_unit(unit / groups, unit % groups, *w);
        };
      }))
    return 1;
  for (const Parts<T>* part : {&A, &D, &bias}) part->add_up(0, part->size);
  return share_out(items, s.threads, [&] {
    return [&](int64_t item) {
      for (const Parts<T>* part : {&B, &C}) part->add_up(item * state_rows, (item + 1) * state_rows);
    };
  });
}

// Returns 0, or 1 if memory ran out.
template <class F> int guarded(F function) {
  try {
    return function();
  } catch (...) {
    return 1;
  }
}

#define EXPORTED extern "C" __attribute__((visibility("default")))
#define EXPORT(T)                                                                                         \
  EXPORTED int scan_forward_##T(const Shape* s, const Inputs<T>* in, T* y) {                              \
    return guarded([&] { return scan_forward<T>(*s, *in, y); });                                          \
  }                                                                                                       \
  EXPORTED int scan_backward_##T(const Shape* s, const Inputs<T>* in, const T* grad_y,                    \
                                 const Gradients<T>* out) {                                               \
    return guarded([&] { return scan_backward<T>(*s, *in, grad_y, *out); });                              \
  }
EXPORT(float)
EXPORT(double)
