// Vectors of numbers, as wide as the processor that the library is built for, and the arithmetic of the scan.
// GCC and Clang compile these vector types for any processor.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX512F__)
#include <immintrin.h>
constexpr int VECTOR_BYTES = 64;
#elif defined(__AVX__)
constexpr int VECTOR_BYTES = 32;
#else
constexpr int VECTOR_BYTES = 16;
#endif
constexpr double LN2 = 0.693147180559945309417;

template <class T> struct Lanes;
template <> struct Lanes<float> {
  typedef float V __attribute__((vector_size(VECTOR_BYTES)));
  typedef uint32_t I __attribute__((vector_size(VECTOR_BYTES)));
};
template <> struct Lanes<double> {
  typedef double V __attribute__((vector_size(VECTOR_BYTES)));
  typedef uint64_t I __attribute__((vector_size(VECTOR_BYTES)));
};
template <class T> using Vec = typename Lanes<T>::V;
template <class T> constexpr int LANES = VECTOR_BYTES / int(sizeof(T));

template <class T, class F> inline Vec<T> each(Vec<T> x, F function) {
  for (int i = 0; i < LANES<T>; ++i) x[i] = function(x[i]);
  return x;
}

inline Vec<double> exp2v(Vec<double> x) {
  return each<double>(x, [](double a) { return std::exp2(a); });
}

#if defined(__AVX512F__)
// 2^(j/32) for j = 0 .. 31, which fills two registers.
struct Powers {
  alignas(64) float of[32];
  Powers() {
    for (int j = 0; j < 32; ++j) of[j] = float(std::exp2(j / 32.0));
  }
};
inline const Powers POWERS;

// x = n + f with n a multiple of 1/32 and |f| <= 1/64; 2^n from the table and the exponent, 2^f as a parabola that
// touches it at 0. Relative error below 3.5e-7, for finite x: 0 where 2^x underflows, infinity above 2^128. NaN stays.
// The processor's two kinds of pipe share this work evenly, unlike that of a polynomial of degree 5.
inline Vec<float> exp2v(Vec<float> x) {
  asm("" : "+v"(x));  // x itself: products that are fused into additions would not cancel for large x
  const Vec<float> shift = Vec<float>{} + 393216.f;  // 1.5 * 2^18: the low 5 bits of a sum are those of 32 n
  const Vec<float> shifted = x + shift, n = shifted - shift, f = x - n;
  const Vec<float> power = _mm512_permutex2var_ps(_mm512_load_ps(POWERS.of), (__m512i)shifted,
                                                  _mm512_load_ps(POWERS.of + 16));
  Vec<float> p = f * 0.240226507f + 0.693147181f;
  p = p * f + 1.f;
  return _mm512_scalef_ps(p * power, n);
}
#else
// 2^f for f in [-1/2, 1/2]: a minimax fit that is exact at 0.
inline Vec<float> exp2_of_fraction(Vec<float> f) {
  Vec<float> p = f * 0.0013264591f + 0.0096716192f;
  p = p * f + 0.055507351f;
  p = p * f + 0.24022241f;
  p = p * f + 0.6931470f;
  return p * f + 1.f;
}

// Relative error below 2e-7; it may give 0 below 2^-126 and infinity above 2^127.5. NaN stays.
inline Vec<float> exp2v(Vec<float> x) {
  const Vec<float> low = Vec<float>{} - 127.f, high = Vec<float>{} + 128.f;
  x = x < low ? low : x;  // false for NaN
  x = x > high ? high : x;
  const float shift = 12582912.f + 127.f;  // 1.5 * 2^23: the low bits of the sum are round(x) + 127
  const Vec<float> shifted = x + shift;
  return exp2_of_fraction(x - (shifted - shift)) * (Vec<float>)((Lanes<float>::I)shifted << 23);
}
#endif

inline Vec<double> log1p_of_fraction(Vec<double> x) {
  return each<double>(x, [](double a) { return std::log1p(a); });
}

inline Vec<double> reciprocal(Vec<double> x) { return 1.0 / x; }

inline Vec<float> reciprocal(Vec<float> x) {
#if defined(__AVX512F__)  // a division takes longer than an estimate and a step of Newton's method
  const Vec<float> r = _mm512_rcp14_ps(x);
  return r * (2.f - x * r);
#else
  return 1.f / x;
#endif
}

// log(1 + x) for x in [0, 1], as 2 atanh(x / (2 + x)); the polynomial is a minimax fit in its square.
inline Vec<float> log1p_of_fraction(Vec<float> x) {
  const Vec<float> s = x * reciprocal(x + 2.f), z = s * s;
  Vec<float> p = z * 0.28018779f + 0.28000537f;
  p = p * z + 0.40021598f;
  p = p * z + 0.66666412f;
  p = p * z + 2.f;
  return p * s;
}

// softplus(x), x itself above 20 as in torch; `slope` becomes its derivative.
template <class T> inline Vec<T> softplus(Vec<T> x, Vec<T>& slope) {
  const Vec<T> zero{}, one = zero + T(1), low = zero - T(1000);
  const Vec<T> minus = x > zero ? -x : x;
  const Vec<T> e = exp2v((minus < low ? low : minus) * T(1 / LN2));  // exp(-|x|), at most 1
  const Vec<T> q = reciprocal(one + e);
  slope = x > T(20) ? one : (x > zero ? q : e * q);
  return x > T(20) ? x : (x > zero ? x : zero) + log1p_of_fraction(e);
}

template <class T, bool Full> inline Vec<T> load(const T* from, int count) {
  Vec<T> v{};
  if (Full) std::memcpy(&v, from, sizeof v);
  else for (int i = 0; i < count; ++i) v[i] = from[i];
  return v;
}

template <class T, bool Full> inline void store(T* to, Vec<T> v, int count, bool add) {
  if (add) v += load<T, Full>(to, count);
  if (Full) std::memcpy(to, &v, sizeof v);
  else for (int i = 0; i < count; ++i) to[i] = v[i];
}

// Lane i of a or b: groups of W lanes in turn, from a for even groups and from b for odd ones; `swap` takes the other
// group of each pair.
template <class T, int W, int swap, int... i>
inline Vec<T> alternate(Vec<T> a, Vec<T> b, std::integer_sequence<int, i...>) {
#define SOURCE(i) (((i) / W) % 2 * LANES<T> + (swap ? (i) ^ W : (i)))
#if defined(__clang__)
  return __builtin_shufflevector(a, b, SOURCE(i)...);
#else
  return __builtin_shuffle(a, b, typename Lanes<T>::I{SOURCE(i)...});
#endif
#undef SOURCE
}

// Sums over lanes of LANES vectors leaf(n), leaf(n + 1), ... by a tree: lane i is the sum of leaf(n + i).
template <class T, int W, class F> inline Vec<T> lane_sums(F leaf, int n) {
  if constexpr (W == LANES<T>) {
    return leaf(n);
  } else {
    const Vec<T> a = lane_sums<T, 2 * W>(leaf, n), b = lane_sums<T, 2 * W>(leaf, n + W);
    constexpr auto lanes = std::make_integer_sequence<int, LANES<T>>{};
    return alternate<T, W, 0>(a, b, lanes) + alternate<T, W, 1>(a, b, lanes);
  }
}
