// The selective scan on a CPU, forward and backward, all scan directions in one walk over the tokens.
//
// Tokens are never permuted: step l of direction k reads and writes row orders[k][l] of the token grid. A unit of work
// is a batch item and a group of channel blocks; it goes direction by direction, chunk by chunk, and within a chunk
// strand by strand (strand.hpp), so that the rows of a chunk are read while they are in the cache. Each output element
// is written by one unit, and sums over units are taken in a fixed order: the result does not depend on the number of
// threads. The build must not use -ffast-math: exp2v relies on the order of its additions, and NaN must stay NaN.
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "strand.hpp"

constexpr int64_t UNITS = 4;  // of the backward, about: each sums dB, dC and the gradient of low-rank steps apart

// Each of up to `threads` threads calls make(), and what that returns on units until all of them are done.
// Returns 1 if memory ran out. With OpenMP they are the very threads that PyTorch computes with: threads of our own would
// compete for the cores with those, which go on spinning for a while after each operation.
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
  const int team = int(std::min(threads, units));
#ifdef _OPENMP
#pragma omp parallel num_threads(team) if (team > 1)
  run();
#else
  std::vector<std::thread> others;
  try {
    for (int i = 1; i < team; ++i) others.emplace_back(run);
  } catch (...) {  // the system grants no more threads: those there are share the work
  }
  run();
  for (auto& other : others) other.join();
#endif
  return failed;
}

template <class T> int64_t blocks_of(const Shape& s) { return (s.channels + LANES<T> - 1) / LANES<T>; }
int64_t chunks_of(const Shape& s) { return (s.length + CHUNK - 1) / CHUNK; }

// The strands of channel blocks `first` up to `last` in direction k.
template <class T>
std::vector<Strand<T>> strands_of(const Shape& s, const Inputs<T>& in, int64_t k, int64_t first, int64_t last) {
  std::vector<Strand<T>> strands;
  for (int64_t block = first; block < last; ++block)
    for (int64_t state = 0; state < s.states; state += STATES) strands.emplace_back(s, in, k, block * LANES<T>, state);
  return strands;
}

// Copies the states that a strand carries to `to`, (states, channels).
template <class T> void keep_states(const Shape& s, const Strand<T>& strand, T* to) {
  const auto put = strand.full() ? store<T, true> : store<T, false>;
  for (int n = 0; n < strand.count; ++n)
    put(to + (strand.state + n) * s.channels + strand.channel, strand.carried[n], strand.width, false);
}

// kept: (batch, directions, chunks, states, channels), or null.
template <class T> int scan_forward(const Shape& s, const Inputs<T>& in, T* y, T* kept) {
  const int64_t blocks = blocks_of<T>(s), chunks = chunks_of(s), grid = s.length * s.channels;
  const int64_t groups = std::min(blocks, std::max<int64_t>(1, (s.threads + s.batch - 1) / s.batch));
  auto forward_unit = [&](int64_t b, int64_t group, Workspace<T>& w) {
    for (int64_t k = 0; k < s.directions; ++k) {
      const Path<T> path(s, in, b, k);
      auto strands = strands_of<T>(s, in, k, group * blocks / groups, (group + 1) * blocks / groups);
      for (int64_t i = 0; i < chunks; ++i) {
        const Chunk<T> chunk(path, i * CHUNK, (i + 1) * CHUNK);
        for (Strand<T>& strand : strands) {
          if (kept) keep_states(s, strand, kept + ((b * s.directions + k) * chunks + i) * s.states * s.channels);
          const auto walk = strand.full() ? forward_chunk<T, true> : forward_chunk<T, false>;
          walk(path, strand, chunk, y + b * grid, k || !strand.first_group, w);
        }
      }
    }
  };
  return share_out(s.batch * groups, s.threads, [&] {
    return [&, w = std::make_unique<Workspace<T>>()](int64_t unit) {
      forward_unit(unit / groups, unit % groups, *w);
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

template <class T> void store_sums(const Shape& s, const Strand<T>& strand, const Sums<T>& sums, const Gradients<T>& out) {
  for (int i = 0; i < strand.width; ++i) {
    for (int n = 0; n < strand.count; ++n) out.A[(strand.channel + i) * s.states + strand.state + n] = sums.A[n][i];
    for (int64_t r = 0; r < s.rank; ++r) {
      T& to = out.dt_proj[(strand.channel + i) * s.rank + r];
      to = sums.dt_proj[r][i] + (strand.first_group ? T(0) : to);
    }
  }
  store<T, false>(out.bias + strand.channel, sums.bias, strand.width, !strand.first_group);
  if (strand.first_group) store<T, false>(out.D + strand.channel, sums.D, strand.width, false);
}

template <class T>
int scan_backward(const Shape& s, const Inputs<T>& in, const T* kept, const T* grad_y, const Gradients<T>& out) {
  const int64_t blocks = blocks_of<T>(s), chunks = chunks_of(s), rows = s.directions * s.channels;
  const int64_t groups = std::min(blocks, (UNITS + s.batch - 1) / s.batch), items = s.batch * s.directions;
  const int64_t grid = s.length * s.channels, state_rows = s.length * s.states, low_rows = s.length * s.rank;
  const Parts<T> A(s.batch, rows * s.states, out.A), D(s.batch, rows, out.D), bias(s.batch, rows, out.bias);
  const Parts<T> dt_proj(s.batch, rows * s.rank, out.dt_proj);
  const Parts<T> B(groups, items * state_rows, out.B), C(groups, items * state_rows, out.C);
  const Parts<T> low(s.rank ? groups : 1, items * low_rows, out.delta);

  auto backward_unit = [&](int64_t b, int64_t group, Workspace<T>& w) {
    const int64_t first = group * blocks / groups;
    for (int64_t k = 0; k < s.directions; ++k) {
      const int64_t item = b * s.directions + k, row = k * s.channels;
      const Gradients<T> at{
          out.u + b * grid,
          s.rank ? low.part(group) + item * low_rows : out.delta + item * grid,
          A.part(b) + row * s.states,
          B.part(group) + item * state_rows,
          C.part(group) + item * state_rows,
          D.part(b) + row,
          bias.part(b) + row,
          dt_proj.part(b) + row * s.rank,
      };
      const Path<T> path(s, in, b, k);
      auto strands = strands_of<T>(s, in, k, first, (group + 1) * blocks / groups);
      std::vector<Sums<T>> sums(strands.size());
      for (Sums<T>& sum : sums) sum.dt_proj.resize(s.rank);
      for (int64_t c = chunks - 1; c >= 0; --c) {
        const Chunk<T> chunk(path, c * CHUNK, (c - 1) * CHUNK);
        const T* states = kept + (item * chunks + c) * s.states * s.channels;
        for (size_t i = 0; i < strands.size(); ++i) {
          const auto walk = strands[i].full() ? backward_chunk<T, true> : backward_chunk<T, false>;
          walk(path, strands[i], chunk, states, grad_y + b * grid, k || !strands[i].first_group,
               strands[i].channel > first * LANES<T>, at, sums[i], w);
        }
      }
      for (size_t i = 0; i < strands.size(); ++i) store_sums(s, strands[i], sums[i], at);
    }
  };
  if (share_out(s.batch * groups, s.threads, [&] {
        return [&, w = std::make_unique<Workspace<T>>()](int64_t unit) {
          backward_unit(unit / groups, unit % groups, *w);
        };
      }))
    return 1;
  for (const Parts<T>* part : {&A, &D, &bias, &dt_proj}) part->add_up(0, part->size);
  return share_out(items, s.threads, [&] {
    return [&](int64_t item) {
      for (const Parts<T>* part : {&B, &C}) part->add_up(item * state_rows, (item + 1) * state_rows);
      if (s.rank) low.add_up(item * low_rows, (item + 1) * low_rows);
    };
  });
}

// Whether each direction visits every token once: a wrong index would touch memory that is not the caller's.
bool permutations(const Shape& s, const int64_t* orders) {
  std::vector<int64_t> last(s.length, -1);  // the last direction that visited a token
  for (int64_t k = 0; k < s.directions; ++k)
    for (int64_t l = 0; l < s.length; ++l) {
      const int64_t token = orders[k * s.length + l];
      if (token < 0 || token >= s.length || last[token] == k) return false;
      last[token] = k;
    }
  return true;
}

enum { DONE, NO_MEMORY, NO_PERMUTATION };  // what native.py is told

template <class F> int guarded(const Shape& s, const int64_t* orders, F function) {
  try {
    return permutations(s, orders) ? (function() ? NO_MEMORY : DONE) : NO_PERMUTATION;
  } catch (...) {
    return NO_MEMORY;
  }
}

#define EXPORTED extern "C" __attribute__((visibility("default")))
#define EXPORT(T)                                                                                                      \
  EXPORTED int scan_forward_##T(const Shape* s, const Inputs<T>* in, T* y, T* kept) {                                  \
    return guarded(*s, in->orders, [&] { return scan_forward<T>(*s, *in, y, kept); });                                 \
  }                                                                                                                    \
  EXPORTED int scan_backward_##T(const Shape* s, const Inputs<T>* in, const T* kept, const T* grad_y,                  \
                                 const Gradients<T>* out) {                                                            \
    return guarded(*s, in->orders, [&] { return scan_backward<T>(*s, *in, kept, grad_y, *out); });                     \
  }
EXPORT(float)
EXPORT(double)
