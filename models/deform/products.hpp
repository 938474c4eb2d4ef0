// Products of a tile's samples with the weights, and back: in groups of channels, or channel by channel.
//
// Both ways to do it have the same members, for a slab of `channels` from `channel` on. Weights are packed so that what
// is read together lies together; `place` says where.
#pragma once
#include "tile.hpp"

// sums[t] += sum over q and i of from[t][q][i] rows[q][i], where a row is a block of numbers, for the tokens of a tile.
template <class T, int B>
inline void multiply(const T* from, int64_t token, int64_t tap, int64_t taps, int64_t inner, const T* rows, int64_t row,
                     Block<T, B> (&sums)[TILE]) {
  for (int64_t q = 0; q < taps; ++q, from += tap)
    for (int64_t i = 0; i < inner; ++i, rows += row) {
      const Block<T, B> numbers = get<T, B>(rows);
      for (int t = 0; t < TILE; ++t) sums[t] += numbers * from[t * token + i];
    }
}

template <class T, int B> inline void write(const Block<T, B> (&sums)[TILE], T* to, int64_t token, int count) {
  for (int t = 0; t < count; ++t) put<T, B>(to + t * token, sums[t]);
}

// A block whose first numbers are these, and the others 0.
template <class T, int B> inline Block<T, B> some(const T* from, int64_t count) {
  Block<T, B> block{};
  std::memcpy(&block, from, count * sizeof(T));
  return block;
}

// Fine: groups of several parts, whose rows are filled up to whole blocks.
template <class T, int B, bool Fine> struct Grouped {
  static constexpr bool fine = Fine;
  static int64_t stride(const Shape& s) { return Shape::stride(s.group, B, Fine); }
  static int64_t size(const Shape& s) { return s.channels * stride(s) * s.taps(); }  // of the packed weights

  // (groups, taps, inputs, outputs); backward, (groups, taps, outputs, inputs). The last axis has the stride of a group.
  static int64_t place(const Shape& s, bool backward, int64_t output, int64_t input, int64_t tap) {
    const int64_t own = output % s.group, row = backward ? own : input, column = backward ? input : own;
    return ((output / s.group * s.taps() + tap) * s.group + row) * stride(s) + column;
  }

  static void outputs(const Shape& s, Tile<T>& tile, const T* packed, const T* bias, int64_t channel, int64_t channels,
                      T* y) {
    const int64_t tap = tile.stride(channels), token = s.taps() * tap;
    for (int64_t g = 0; g < channels; g += s.group)
      for (int64_t o = 0; o < s.group; o += B) {
        const int64_t first = channel + g + o;
        const bool whole = !Fine || o + B <= s.group;
        Block<T, B> sums[TILE];
        for (auto& sum : sums) sum = whole ? get<T, B>(bias + first) : some<T, B>(bias + first, s.group - o);
        const T* rows = packed + place(s, false, channel + g, 0, 0) + o;
        multiply<T, B>(tile.samples.data() + g, token, tap, s.taps(), s.group, rows, stride(s), sums);
        T* to = y + tile.token() * s.channels + first;
        if (whole) write<T, B>(sums, to, s.channels, tile.count);
        else for (int t = 0; t < tile.count; ++t) std::memcpy(to + t * s.channels, &sums[t], (s.group - o) * sizeof(T));
      }
  }

  static void sample_gradients(const Shape& s, Tile<T>& tile, const T* packed, int64_t channel, int64_t channels) {
    const int64_t tap = tile.stride(channels);
    for (int64_t g = 0; g < channels; g += s.group)
      for (int64_t q = 0; q < s.taps(); ++q)
        for (int64_t i = 0; i < s.group; i += B) {
          Block<T, B> sums[TILE] = {};
          const T* rows = packed + place(s, true, channel + g, 0, q) + i;
          multiply<T, B>(tile.grad_y.data() + g, tap, 0, 1, s.group, rows, stride(s), sums);
          write<T, B>(sums, tile.grads.data() + q * tap + g + i, s.taps() * tap, TILE);
        }
  }

  // `sums` as `place` says for the forward pass.
  static void weight_gradients(const Shape& s, Tile<T>& tile, int64_t channel, int64_t channels, T* sums) {
    const int64_t tap = tile.stride(channels), token = s.taps() * tap;
    for (int64_t g = 0; g < channels; g += s.group)
      for (int64_t o = 0; o < s.group; o += B) {
        Block<T, B> grads[TILE];
        for (int t = 0; t < TILE; ++t) grads[t] = get<T, B>(tile.grad_y.data() + t * tap + g + o);
        T* to = sums + place(s, false, channel + g, 0, 0) + o;
        for (int64_t q = 0; q < s.taps(); ++q)
          for (int64_t i = 0; i < s.group; ++i, to += stride(s)) {
            const T* from = tile.samples.data() + q * tap + g + i;
            Block<T, B> sum = get<T, B>(to);
            for (int t = 0; t < TILE; ++t) sum += from[t * token] * grads[t];
            put<T, B>(to, sum);
          }
      }
  }
};

template <class T, int B> struct Depthwise {
  static constexpr bool fine = false;
  static int64_t size(const Shape& s) { return s.channels * s.taps(); }

  // (taps, channels)
  static int64_t place(const Shape& s, bool, int64_t output, int64_t, int64_t tap) { return tap * s.channels + output; }

  // Of token t; samples or their gradients at tap q.
  static T* at(const Shape& s, Buffer<T>& buffer, int64_t channels, int t, int64_t q) {
    return buffer.data() + (t * s.taps() + q) * channels;
  }

  static void outputs(const Shape& s, Tile<T>& tile, const T* packed, const T* bias, int64_t channel, int64_t channels,
                      T* y) {
    for (int64_t c = 0; c < channels; c += B) {
      Block<T, B> sums[TILE];
      for (auto& sum : sums) sum = get<T, B>(bias + channel + c);
      for (int64_t q = 0; q < s.taps(); ++q) {
        const Block<T, B> weights = get<T, B>(packed + place(s, false, channel + c, 0, q));
        for (int t = 0; t < TILE; ++t) sums[t] += weights * get<T, B>(at(s, tile.samples, channels, t, q) + c);
      }
      write<T, B>(sums, y + tile.token() * s.channels + channel + c, s.channels, tile.count);
    }
  }

  static void sample_gradients(const Shape& s, Tile<T>& tile, const T* packed, int64_t channel, int64_t channels) {
    for (int64_t c = 0; c < channels; c += B)
      for (int64_t q = 0; q < s.taps(); ++q) {
        const Block<T, B> weights = get<T, B>(packed + place(s, true, channel + c, 0, q));
        for (int t = 0; t < TILE; ++t)
          put<T, B>(at(s, tile.grads, channels, t, q) + c, weights * get<T, B>(tile.grad_y.data() + t * channels + c));
      }
  }

  static void weight_gradients(const Shape& s, Tile<T>& tile, int64_t channel, int64_t channels, T* sums) {
    for (int64_t c = 0; c < channels; c += B)
      for (int64_t q = 0; q < s.taps(); ++q) {
        T* to = sums + place(s, false, channel + c, 0, q);
        Block<T, B> sum = get<T, B>(to);
        for (int t = 0; t < TILE; ++t)
          sum += get<T, B>(at(s, tile.samples, channels, t, q) + c) * get<T, B>(tile.grad_y.data() + t * channels + c);
        put<T, B>(to, sum);
      }
  }
};
