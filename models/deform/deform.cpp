// Deformable convolution on a CPU, forward and backward: tile by tile the samples are read, multiplied and forgotten,
// and the backward pass reads them again.
//
// Each element of the output and of the gradients of x, offsets and masks is written by one unit of work; gradients of
// weight and bias are summed over fixed blocks of images, then over the blocks in order. So the result does not depend
// on the number of threads. These are OpenMP's, with GCC PyTorch's own; without OpenMP there is one.
#include <memory>
#include <type_traits>

#include "products.hpp"

#ifdef _OPENMP
#include <omp.h>
#else
int omp_get_thread_num() { return 0; }
#endif

constexpr int64_t BLOCKS = 16;  // of images, at most

template <class T> struct Gradients {  // as native.py gives them, all but y zeros at first; masks may be null
  const T* y;
  T *x, *offsets, *masks, *weight, *bias;
};

// work(unit, tile) for each unit, with a tile for each thread.
template <class T, class F> void share_out(const Shape& s, int64_t units, F work) {
  const int team = int(std::max<int64_t>(1, std::min(s.threads, units)));
  std::vector<Tile<T>> tiles(team, Tile<T>(s));  // made here, because a thread must not throw
#pragma omp parallel for schedule(dynamic) num_threads(team) if (team > 1)
  for (int64_t unit = 0; unit < units; ++unit) work(unit, tiles[omp_get_thread_num()]);
}

// f(channel, channels) for each slab of a unit of channels.
template <class F> void each_slab(const Shape& s, int64_t unit, F f) {
  const int64_t all = s.unit(), slab = s.slab();
  for (int64_t c = 0; c < all; c += slab) f(unit * all + c, std::min(slab, all - c));
}

// f(part, first, channels) for each part of a slab, whose taps are located: in `each_slab` for all slabs of a part at
// once, or here one part after the other where a slab has several. What is fine is known to the compiler, which then
// puts the body of f here: without that gradients took a third longer on AVX2.
template <bool Fine, class T, class F>
void each_part(const Shape& s, const Inputs<T>& in, Tile<T>& tile, int64_t channel, int64_t channels, F f) {
  if constexpr (Fine) {
    for (int64_t first = 0; first < channels; first += s.run()) {
      const int64_t part = (channel + first) / s.run();
      tile.locate_taps(in, part);
      f(part, first, s.run());
    }
  } else {
    f(channel / s.run(), 0, channels);
  }
}

// f(index, place) for each weight: its index in (outputs, inputs of a group, taps), and its place where it is packed.
template <class Product, class F> void each_weight(const Shape& s, bool backward, F f) {
  int64_t index = 0;
  for (int64_t o = 0; o < s.channels; ++o)
    for (int64_t i = 0; i < s.group; ++i)
      for (int64_t q = 0; q < s.taps(); ++q) f(index++, Product::place(s, backward, o, i, q));
}
template <class Product, class T> Buffer<T> pack(const Shape& s, const T* weight, bool backward) {
  Buffer<T> packed(Product::size(s));
  each_weight<Product>(s, backward, [&](int64_t index, int64_t place) { packed.data()[place] = weight[index]; });
  return packed;
}

template <class T, int B, class Product> void forward(const Shape& s, const Inputs<T>& in, T* y) {
  Buffer<T> weights = pack<Product>(s, in.weight, false);
  share_out<T>(s, s.images * s.tiles(), [&](int64_t work, Tile<T>& tile) {
    tile.move_to(work / s.tiles(), work % s.tiles());
    const T* x = in.x + tile.image * s.cells() * s.channels;
    for (int64_t unit = 0; unit < s.units(); ++unit) {
      if (!Product::fine) tile.locate_taps(in, unit);
      each_slab(s, unit, [&](int64_t channel, int64_t channels) {
        T* samples = tile.samples.data();
        const int64_t stride = tile.stride(channels);
        each_part<Product::fine>(s, in, tile, channel, channels, [&](int64_t, int64_t first, int64_t count) {
          for (int64_t i = 0; i < tile.count * s.taps(); ++i)
            read<T, B>(Tap<T>(s, tile.corners, i), x + channel + first, count, samples + i * stride + first);
        });
        Product::outputs(s, tile, weights.data(), in.bias, channel, channels, y);
      });
    }
  });
}

// One slab of a tile; `weights` and `biases` are the sums of its block of images.
template <class T, int B, class Product>
void backward_slab(const Shape& s, const Inputs<T>& in, Tile<T>& tile, int64_t channel, int64_t channels,
                   const T* packed, const Gradients<T>& out, T* weights, T* biases) {
  const int64_t image = tile.image * s.cells() * s.channels + channel, stride = tile.stride(channels);
  T *grad_y = tile.grad_y.data(), *samples = tile.samples.data();
  std::fill(grad_y, grad_y + TILE * stride, T(0));
  for (int t = 0; t < tile.count; ++t)
    for (int64_t c = 0; c < channels; ++c) {
      const T g = out.y[(tile.token() + t) * s.channels + channel + c];
      grad_y[t * stride + c] = g;
      biases[channel + c] += g;
    }
  Product::sample_gradients(s, tile, packed, channel, channels);
  each_part<Product::fine>(s, in, tile, channel, channels, [&](int64_t part, int64_t first, int64_t count) {
    for (int64_t i = 0; i < tile.count * s.taps(); ++i) {
      const int64_t at = tile.tap(int(i / s.taps()), part) + i % s.taps(), c = i * stride + first;
      read_and_spread<T, B>(s, tile.corners, i, in.x + image + first, tile.grads.data() + c, count, samples + c,
                            out.x + image + first, out.offsets + 2 * at, out.masks ? out.masks + at : nullptr);
    }
  });
  std::fill(samples + tile.count * s.taps() * stride, samples + TILE * s.taps() * stride, T(0));
  Product::weight_gradients(s, tile, channel, channels, weights);
}

template <class T, int B, class Product> void backward(const Shape& s, const Inputs<T>& in, const Gradients<T>& out) {
  const int64_t blocks = std::min(BLOCKS, s.images), size = Product::size(s);
  Buffer<T> packed = pack<Product>(s, in.weight, true), weights(blocks * size), biases(blocks * s.channels);
  share_out<T>(s, blocks * s.units(), [&](int64_t work, Tile<T>& tile) {
    const int64_t block = work / s.units(), unit = work % s.units();
    for (int64_t image = block * s.images / blocks; image < (block + 1) * s.images / blocks; ++image)
      for (int64_t i = 0; i < s.tiles(); ++i) {
        tile.move_to(image, i);
        if (!Product::fine) tile.locate_taps(in, unit);
        each_slab(s, unit, [&](int64_t channel, int64_t channels) {
          backward_slab<T, B, Product>(s, in, tile, channel, channels, packed.data(), out,
                                       weights.data() + block * size, biases.data() + block * s.channels);
        });
      }
  });
  for (int64_t block = 0; block < blocks; ++block) {
    const T *from = weights.data() + block * size, *bias = biases.data() + block * s.channels;
    each_weight<Product>(s, false, [&](int64_t index, int64_t place) { out.weight[index] += from[place]; });
    for (int64_t c = 0; c < s.channels; ++c) out.bias[c] += bias[c];
  }
}

// f(B) for the largest power of two that fits into a vector and divides `numbers`.
template <class T, int B = LANES<T>, class F> void with_block(int64_t numbers, F f) {
  if constexpr (B > 1)
    if (numbers % B) return with_block<T, B / 2>(numbers, f);
  f(std::integral_constant<int, B>{});
}

// f(B, product) for the way that fits the shape; B: of what is read. Returns 1 if memory ran out.
template <class T, class F> int choose(const Shape& s, F f) {
  try {
    if (s.fine()) {  // whole vectors of outputs, and blocks of a part
      if (s.run() % 4) f(std::integral_constant<int, 1>{}, Grouped<T, LANES<T>, true>{});
      else f(std::integral_constant<int, std::min(4, LANES<T>)>{}, Grouped<T, LANES<T>, true>{});
      return 0;
    }
    with_block<T>(s.group == 1 ? s.run() : s.group, [&](auto b) {
      constexpr int B = decltype(b)::value;
      s.group == 1 ? f(b, Depthwise<T, B>{}) : f(b, Grouped<T, B, false>{});
    });
    return 0;
  } catch (...) {
    return 1;
  }
}

#define EXPORTED extern "C" __attribute__((visibility("default")))
#define EXPORT(T)                                                                                                      \
  EXPORTED int deform_forward_##T(const Shape* s, const Inputs<T>* in, T** y) {                                        \
    return choose<T>(*s, [&](auto b, auto product) {                                                                   \
      forward<T, decltype(b)::value, decltype(product)>(*s, *in, *y);                                                  \
    });                                                                                                                \
  }                                                                                                                    \
  EXPORTED int deform_backward_##T(const Shape* s, const Inputs<T>* in, const Gradients<T>* out) {                     \
    return choose<T>(*s, [&](auto b, auto product) {                                                                   \
      backward<T, decltype(b)::value, decltype(product)>(*s, *in, *out);                                               \
    });                                                                                                                \
  }
EXPORT(float)
EXPORT(double)
