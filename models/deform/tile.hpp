// A tile of tokens of a deformable convolution: where its taps read, and the samples.
//
// A tile is a few neighbouring cells of one image. Its samples, those of a slab of channels at a time, stay in the
// cache between being read and being multiplied; no buffer is as large as a map. Numbers go in blocks of B: as many as
// fit into a vector and divide the channels that are taken at once, so that there are no rests.
#pragma once
#include <algorithm>
#include <type_traits>
#include <vector>

#include "../ssm/lanes.hpp"

constexpr int TILE = 8;       // tokens: so many independent sums keep the multipliers busy
constexpr int64_t SLAB = 64;  // channels, about

// Shared with models/deform/native.py, field by field.
struct Shape {
  int64_t images, height, width, channels, parts, kernel, group, dilation, threads;  // group: channels of one
  int64_t cells() const { return height * width; }
  int64_t taps() const { return kernel * kernel; }
  int64_t run() const { return channels / parts; }  // channels that share their offsets
  bool fine() const { return run() < group; }      // a group has several parts
  int64_t unit() const { return std::max(run(), group); }  // channels that share parts or weights
  int64_t units() const { return channels / unit(); }
  int64_t tiles() const { return (cells() + TILE - 1) / TILE; }  // of an image
  int64_t slab() const { return std::min(unit(), std::max<int64_t>(1, SLAB / group) * group); }
  // Numbers from tap to tap where a row has so many; with `fine` groups rows fill whole vectors of `lanes`.
  static int64_t stride(int64_t row, int64_t lanes, bool fine) { return fine ? (row + lanes - 1) / lanes * lanes : row; }
};
template <class T> struct Inputs {  // layouts in native.py; masks may be null
  const T *x, *offsets, *masks, *weight, *bias;
};

template <class T, int B> struct BlockOf {
  typedef T type __attribute__((vector_size(B * sizeof(T))));
};
template <class T, int B> using Block = typename BlockOf<T, B>::type;

template <class T, int B> inline Block<T, B> get(const T* from) {
  Block<T, B> block;
  std::memcpy(&block, from, sizeof block);
  return block;
}
template <class T, int B> inline void put(T* to, Block<T, B> block) { std::memcpy(to, &block, sizeof block); }

template <class T, int B> inline T sum_of(Block<T, B> block) {
  if constexpr (B == 1) {
    return block[0];
  } else {
    Block<T, B / 2> halves[2];
    std::memcpy(halves, &block, sizeof block);
    return sum_of<T, B / 2>(halves[0] + halves[1]);
  }
}

struct alignas(64) Line {
  char bytes[64];
};
template <class T> struct Buffer {  // zeros at first; starts with a cache line
  std::vector<Line> lines;
  explicit Buffer(int64_t count) : lines(count * sizeof(T) / sizeof(Line) + 1) {}
  T* data() { return reinterpret_cast<T*>(lines.data()); }
};

template <class T> using Int = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
template <class T> using Ints = Block<Int<T>, LANES<T>>;

// A vector of coordinates along an axis of so many cells: the two cells around each, and what they weigh.
template <class T> struct Neighbours {
  Ints<T> known, cell[2];       // all bits, or none where it is NaN; the cells, those outside moved to the border
  Vec<T> inside[2], weight[2];  // 1 or 0; the weights, NaN where the coordinate is not finite

  Neighbours(Vec<T> x, int64_t size) : known(x == x) {
    const Vec<T> nothing = x - x, low = Vec<T>{} - T(2), high = Vec<T>{} + T(size);
    x = x > low ? x : low;  // NaN too: what is far outside fits into an integer, and stays outside
    x = x < high ? x : high;
    Ints<T> first = __builtin_convertvector(x, Ints<T>);
    first += __builtin_convertvector(first, Vec<T>) > x;  // -1 where true: the floor, not the truncated one
    weight[1] = x - __builtin_convertvector(first, Vec<T>) + nothing;
    weight[0] = T(1) - weight[1];
    const Ints<T> border = Ints<T>{} + Int<T>(size - 1);
    for (int i = 0; i < 2; ++i) {
      const Ints<T> at = first + Int<T>(i);
      cell[i] = at < 0 ? Ints<T>{} : at > border ? border : at;
      inside[i] = cell[i] == at ? Vec<T>{} + T(1) : Vec<T>{};
    }
  }
};

// Where the taps of a tile's tokens read: four cells each, in the order of models/bilinear.py, and the share of each.
// Arrays (4, size) with one number a tap, so that a vector of taps is located at a time.
template <class T> struct Corners {
  int64_t size;
  Buffer<T> row, column, mask;                 // (size): where a tap is, and the factor of its sample
  Buffer<Int<T>> cell;                         // in an image
  Buffer<T> weight, share, by_row, by_column;  // share: weight times mask; the last two are its derivatives

  explicit Corners(int64_t taps)
      : size((taps + LANES<T> - 1) / LANES<T> * LANES<T>), row(size), column(size), mask(size), cell(4 * size),
        weight(4 * size), share(4 * size), by_row(4 * size), by_column(4 * size) {}

  // For the first `count` taps. A cell outside has the weight 0; where there is no position, NaN.
  void locate(const Shape& s, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES<T>) {
      const Neighbours<T> rows(get<T, LANES<T>>(row.data() + i), s.height);
      const Neighbours<T> columns(get<T, LANES<T>>(column.data() + i), s.width);
      const Vec<T> masks = get<T, LANES<T>>(mask.data() + i);
      for (int corner = 0; corner < 4; ++corner) {
        const int lower = corner / 2, further = corner % 2;
        const int64_t at = corner * size + i;
        const Vec<T> inside = rows.inside[lower] * columns.inside[further], factor = inside * masks;
        const Vec<T> both = rows.weight[lower] * columns.weight[further];
        const Ints<T> there = rows.cell[lower] * Int<T>(s.width) + columns.cell[further];
        put<Int<T>, LANES<T>>(cell.data() + at, there & rows.known & columns.known);
        put<T, LANES<T>>(weight.data() + at, both * inside);
        put<T, LANES<T>>(share.data() + at, both * factor);
        put<T, LANES<T>>(by_row.data() + at, (lower ? columns.weight[further] : -columns.weight[further]) * factor);
        put<T, LANES<T>>(by_column.data() + at, (further ? rows.weight[lower] : -rows.weight[lower]) * factor);
      }
    }
  }
};

template <class T> struct Tile {
  const Shape& s;
  const bool fine;
  int count = 0;                 // tokens, at most TILE
  int64_t image = 0, first = 0;  // cell of the first one
  Corners<T> corners;            // (TILE, taps), of one part
  Buffer<T> samples, grads;      // (TILE, taps, stride of a slab); grads: of the loss by the samples
  Buffer<T> grad_y;              // (TILE, stride of a slab), zeros beyond count

  explicit Tile(const Shape& s)
      : s(s), fine(s.fine()), corners(TILE * s.taps()), samples(TILE * s.taps() * stride(s.slab())),
        grads(TILE * s.taps() * stride(s.slab())), grad_y(TILE * stride(s.slab())) {}

  // From tap to tap, in numbers of a slab; of grad_y from token to token.
  int64_t stride(int64_t slab) const { return Shape::stride(slab, LANES<T>, fine); }

  void move_to(int64_t to_image, int64_t index) {
    image = to_image;
    first = index * TILE;
    count = int(std::min<int64_t>(TILE, s.cells() - first));
  }
  int64_t token() const { return image * s.cells() + first; }
  int64_t tap(int t, int64_t part) const { return ((token() + t) * s.parts + part) * s.taps(); }  // the first one's

  void locate_taps(const Inputs<T>& in, int64_t part) {
    T *row = corners.row.data(), *column = corners.column.data(), *mask = corners.mask.data();
    for (int t = 0; t < count; ++t) {
      const int64_t reach = s.kernel / 2 * s.dilation;
      const int64_t top = (first + t) / s.width - reach, start = (first + t) % s.width - reach;
      int64_t at = tap(t, part);
      for (int64_t i = 0; i < s.kernel; ++i)
        for (int64_t j = 0; j < s.kernel; ++j, ++at) {
          *row++ = T(top + i * s.dilation) + in.offsets[2 * at];
          *column++ = T(start + j * s.dilation) + in.offsets[2 * at + 1];
          *mask++ = in.masks ? in.masks[at] : T(1);
        }
    }
    corners.locate(s, count * s.taps());
  }
};

// The four corners of one tap, for an image that starts at `x`.
template <class T> struct Tap {
  int64_t cell[4];
  T share[4];
  Tap(const Shape& s, Corners<T>& corners, int64_t i) {
    for (int k = 0; k < 4; ++k) {
      cell[k] = corners.cell.data()[k * corners.size + i] * s.channels;
      share[k] = corners.share.data()[k * corners.size + i];
    }
  }
};

// The samples (channels) of one tap, from x at the slab's first channel in the image.
template <class T, int B> inline void read(const Tap<T>& tap, const T* x, int64_t channels, T* samples) {
  for (int64_t c = 0; c < channels; c += B) {
    Block<T, B> sample{};
    for (int i = 0; i < 4; ++i) sample += tap.share[i] * get<T, B>(x + tap.cell[i] + c);
    put<T, B>(samples + c, sample);
  }
}

// The same, and the way back of their gradient: it adds to those of x, of the offsets (two) and, if given, of the mask.
// At the border corners may be one and the same cell: they are written one after the other.
template <class T, int B>
inline void read_and_spread(const Shape& s, Corners<T>& corners, int64_t index, const T* x, const T* grad,
                            int64_t channels, T* samples, T* grad_x, T* grad_offsets, T* grad_mask) {
  const Tap<T> tap(s, corners, index);
  Block<T, B> products[4] = {};
  for (int64_t c = 0; c < channels; c += B) {
    const Block<T, B> g = get<T, B>(grad + c);
    Block<T, B> sample{};
    for (int i = 0; i < 4; ++i) {
      const Block<T, B> value = get<T, B>(x + tap.cell[i] + c);
      sample += tap.share[i] * value;
      products[i] += g * value;
      T* to = grad_x + tap.cell[i] + c;
      put<T, B>(to, get<T, B>(to) + tap.share[i] * g);
    }
    put<T, B>(samples + c, sample);
  }
  Block<T, B> by_row{}, by_column{}, by_mask{};
  for (int i = 0; i < 4; ++i) {
    const int64_t at = i * corners.size + index;
    by_row += corners.by_row.data()[at] * products[i];
    by_column += corners.by_column.data()[at] * products[i];
    by_mask += corners.weight.data()[at] * products[i];
  }
  grad_offsets[0] += sum_of<T, B>(by_row);
  grad_offsets[1] += sum_of<T, B>(by_column);
  if (grad_mask) *grad_mask += sum_of<T, B>(by_mask);
}
