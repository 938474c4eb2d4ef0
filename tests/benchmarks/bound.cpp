// What one core can do at most: the arithmetic that the scan consists of, with nothing loaded or stored.
//
// The empty asm statements make the compiler take a value for new, or for used, and cost no instruction: every
// repetition is computed, and none waits for the one before it.
#include "lanes.hpp"

#if defined(__x86_64__) || defined(__i386__)
#define REGISTER "v"
#else
#define REGISTER "w"
#endif

using V = Vec<float>;
inline void renew(V& x) { asm volatile("" : "+" REGISTER(x)); }
inline void use(V x) { asm volatile("" : : REGISTER(x)); }

// `count` times `EXPS` exponentials and `FMAS` multiply-adds, all of float32 numbers, a vector at a time.
template <int EXPS, int FMAS> void repeat(int64_t count) {
  constexpr int AT_ONCE = 4;
  // Independent sums hide how long a multiply-add takes; beside exponentials fewer do, and must not crowd them out of the
  // registers.
  constexpr int SUMS = EXPS ? 5 : 8;
  V sum[SUMS], x = V{} - 0.3f, p = V{} + 0.5f, q = V{} + 0.25f;
  renew(p);
  renew(q);
  for (V& s : sum) renew(s = p);
  for (int64_t left = count / (AT_ONCE * LANES<float>); left > 0; --left) {
#pragma GCC unroll 4
    for (int j = 0; j < AT_ONCE; ++j) {
      if (EXPS) {
        renew(x);
        use(exp2v(x));
      }
#pragma GCC unroll 16
      for (int k = j * FMAS; k < (j + 1) * FMAS; ++k) sum[k % SUMS] = sum[k % SUMS] * p + q;
    }
  }
  for (V s : sum) use(s);
}

// A state update is one exponential and, forward, 4 multiply-adds or products: d A, (d u) B, a h, C h. Backward computes
// it again, without C h, and then has 8 more, with g the gradient by h and a the decay: dy C, g (d u) for dB, h dy for dC,
// g B, g a, g a h, and the share of that in the gradients of d and of A.
#define EXPORTED extern "C" __attribute__((visibility("default")))
EXPORTED void multiply_adds(int64_t count) { repeat<0, 4>(count / 4); }
EXPORTED void exponentials(int64_t count) { repeat<1, 0>(count); }
EXPORTED void forward_updates(int64_t count) { repeat<1, 4>(count); }
EXPORTED void backward_updates(int64_t count) { repeat<1, 11>(count); }
