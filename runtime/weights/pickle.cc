#include "runtime/weights/pickle.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "runtime/weights/pickle_opcodes.h"

namespace wan::weights {
namespace {

constexpr size_t kMaxPickleBytes = 16u << 20;
constexpr size_t kMaxValues = 1u << 20;
constexpr uint8_t kProtocol = 2;  // torch.save's

enum class Kind { kNone, kBool, kInteger, kText, kTuple, kDict, kFunction, kStorageType, kStorage, kTensor };

// A reference to a value. Values live in one list and name each other by place, so that however deep a
// pickle nests them nothing recurses.
using Place = uint32_t;

struct Value {
  Kind kind = Kind::kNone;
  int64_t number = 0;         // bool, integer, function, elements of a storage
  DType dtype = DType::kF32;  // storage type, storage
  std::string_view text;      // text, key of a storage
  std::vector<Place> items;   // tuple; dict: key, value, key, value; tensor: storage, offset, shape, strides
};

enum Function : int64_t { kOrderedDict, kRebuildTensor, kRebuildParameter };

struct Global {
  std::string_view name;
  Value value;
};

const Global kGlobals[] = {
    {"collections.OrderedDict", {.kind = Kind::kFunction, .number = kOrderedDict}},
    {"torch._utils._rebuild_tensor_v2", {.kind = Kind::kFunction, .number = kRebuildTensor}},
    {"torch._utils._rebuild_parameter", {.kind = Kind::kFunction, .number = kRebuildParameter}},
    {"torch.DoubleStorage", {.kind = Kind::kStorageType, .dtype = DType::kF64}},
    {"torch.FloatStorage", {.kind = Kind::kStorageType, .dtype = DType::kF32}},
    {"torch.HalfStorage", {.kind = Kind::kStorageType, .dtype = DType::kF16}},
    {"torch.BFloat16Storage", {.kind = Kind::kStorageType, .dtype = DType::kBF16}},
    {"torch.Float8_e4m3fnStorage", {.kind = Kind::kStorageType, .dtype = DType::kF8E4M3}},
    {"torch.Float8_e5m2Storage", {.kind = Kind::kStorageType, .dtype = DType::kF8E5M2}},
    {"torch.LongStorage", {.kind = Kind::kStorageType, .dtype = DType::kI64}},
    {"torch.IntStorage", {.kind = Kind::kStorageType, .dtype = DType::kI32}},
    {"torch.ShortStorage", {.kind = Kind::kStorageType, .dtype = DType::kI16}},
    {"torch.CharStorage", {.kind = Kind::kStorageType, .dtype = DType::kI8}},
    {"torch.ByteStorage", {.kind = Kind::kStorageType, .dtype = DType::kU8}},
    {"torch.BoolStorage", {.kind = Kind::kStorageType, .dtype = DType::kBool}},
};

// What a message may show of a name out of the file.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 200)) out += c >= ' ' && c <= '~' ? c : '?';
  return out;
}

class Reader {
 public:
  explicit Reader(std::span<const std::byte> pickle) : rest_(pickle) {}

  Result<std::vector<PickledTensor>> read() {
    for (bool stopped = false; !stopped;) {
      WAN_TRY(const uint8_t opcode, number<uint8_t>());
      stopped = opcode == kStop;
      if (!stopped) {
        WAN_TRY_VOID(step(opcode));
      }
      if (values_.size() > kMaxValues) return fail(corrupt("the pickle has more than 1048576 values"));
    }
    if (stack_.size() != 1 || !marks_.empty()) return fail(malformed("it does not end with one value"));
    return tensors_of(values_[stack_[0]]);
  }

 private:
  static Error malformed(const std::string& why) { return corrupt("the pickle is malformed: " + why); }

  // Reading bytes.
  Result<std::string_view> take(uint64_t count) {
    if (count > rest_.size()) return fail(malformed("it is cut short"));
    const std::string_view text(reinterpret_cast<const char*>(rest_.data()), count);
    rest_ = rest_.subspan(count);
    return text;
  }
  template <typename Integer>
  Result<Integer> number() {
    WAN_TRY(const std::string_view bytes, take(sizeof(Integer)));
    Integer value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  Result<std::string_view> line() {
    const std::string_view all(reinterpret_cast<const char*>(rest_.data()), rest_.size());
    const size_t end = all.find('\n');
    if (end == std::string_view::npos) return fail(malformed("it is cut short"));
    WAN_TRY(const std::string_view text, take(end + 1));
    return text.substr(0, end);
  }

  // The stack. A mark remembers its height; nothing below the last mark may be popped.
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Status push(Value value) {
    stack_.push_back(static_cast<Place>(values_.size()));
    values_.push_back(std::move(value));
    return {};
  }
  Result<Place> pop() {
    if (stack_.size() <= floor()) return fail(malformed("its stack is empty"));
    const Place place = stack_.back();
    stack_.pop_back();
    return place;
  }
  Result<std::vector<Place>> pop_to_mark() {
    if (marks_.empty()) return fail(malformed("a mark is missing"));
    std::vector<Place> items(stack_.begin() + static_cast<ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  Status push_tuple(size_t count) {
    std::vector<Place> items(count);
    for (size_t i = count; i-- > 0;) {
      WAN_TRY(items[i], pop());
    }
    return push({.kind = Kind::kTuple, .items = std::move(items)});
  }
  Status remember(uint32_t slot) {
    if (stack_.size() <= floor()) return fail(malformed("its stack is empty"));
    if (slot > kMaxValues) return fail(malformed("it uses memo " + std::to_string(slot)));
    if (slot >= memo_.size()) memo_.resize(slot + 1);
    memo_[slot] = stack_.back();
    return {};
  }
  Status recall(uint32_t slot) {
    if (slot >= memo_.size() || !memo_[slot]) return fail(malformed("it uses an empty memo"));
    stack_.push_back(*memo_[slot]);
    return {};
  }

  Status step(uint8_t opcode) {
    switch (opcode) {
      case kProto: return protocol();
      case kMark: marks_.push_back(stack_.size()); return {};
      case kNone: return push({});
      case kNewTrue: return push({.kind = Kind::kBool, .number = 1});
      case kNewFalse: return push({.kind = Kind::kBool});
      case kBinInt: return push_integer<int32_t>();
      case kBinInt1: return push_integer<uint8_t>();
      case kBinInt2: return push_integer<uint16_t>();
      case kLong1: return push_long();
      case kBinUnicode: return push_text();
      case kEmptyDict: return push({.kind = Kind::kDict});
      case kEmptyTuple: return push_tuple(0);
      case kTuple1: return push_tuple(1);
      case kTuple2: return push_tuple(2);
      case kTuple3: return push_tuple(3);
      default: return structure(opcode);
    }
  }

  Status structure(uint8_t opcode) {
    switch (opcode) {
      case kTuple: {
        WAN_TRY(auto items, pop_to_mark());
        return push({.kind = Kind::kTuple, .items = std::move(items)});
      }
      case kBinPut: {
        WAN_TRY(const auto slot, number<uint8_t>());
        return remember(slot);
      }
      case kLongBinPut: {
        WAN_TRY(const auto slot, number<uint32_t>());
        return remember(slot);
      }
      case kBinGet: {
        WAN_TRY(const auto slot, number<uint8_t>());
        return recall(slot);
      }
      case kLongBinGet: {
        WAN_TRY(const auto slot, number<uint32_t>());
        return recall(slot);
      }
      case kSetItem: return set_item();
      case kSetItems: return set_items();
      case kGlobal: return global();
      case kBinPersId: return storage();
      case kReduce: return reduce();
      case kBuild: return build();
      default:
        return fail(corrupt("the pickle uses the opcode " + opcode_name(opcode) +
                            ", which a file of tensors does not need; it was not run"));
    }
  }

  Status protocol() {
    WAN_TRY(const auto version, number<uint8_t>());
    if (version == kProtocol) return {};
    return fail(corrupt("the pickle has protocol " + std::to_string(version) + "; supported: 2"));
  }
  template <typename Integer>
  Status push_integer() {
    WAN_TRY(const auto value, number<Integer>());
    return push({.kind = Kind::kInteger, .number = value});
  }
  Status push_long() {
    WAN_TRY(const auto count, number<uint8_t>());
    if (count > sizeof(int64_t)) return fail(malformed("it has a number of more than 8 bytes"));
    WAN_TRY(const std::string_view bytes, take(count));
    const bool negative = count > 0 && static_cast<int8_t>(bytes.back()) < 0;
    int64_t value = negative ? -1 : 0;
    std::memcpy(&value, bytes.data(), count);
    return push({.kind = Kind::kInteger, .number = value});
  }
  Status push_text() {
    WAN_TRY(const auto count, number<uint32_t>());
    WAN_TRY(const std::string_view text, take(count));
    return push({.kind = Kind::kText, .text = text});
  }

  Status global() {
    WAN_TRY(const std::string_view module, line());
    WAN_TRY(const std::string_view name, line());
    const std::string full = std::string(module) + "." + std::string(name);
    const auto* known = std::ranges::find(kGlobals, full, &Global::name);
    if (known != std::end(kGlobals)) return push(known->value);
    return fail(corrupt("the pickle names the global " + shown(full) +
                        ", which a file of tensors does not need; it was not run"));
  }

  Status set_item() {
    WAN_TRY(const Place value, pop());
    WAN_TRY(const Place key, pop());
    return insert({key, value});
  }
  Status set_items() {
    WAN_TRY(const auto items, pop_to_mark());
    return insert(items);
  }
  Status insert(const std::vector<Place>& items) {
    if (stack_.size() <= floor() || values_[stack_.back()].kind != Kind::kDict || items.size() % 2 != 0) {
      return fail(malformed("items are set on what is not a dict"));
    }
    auto& dict = values_[stack_.back()].items;
    dict.insert(dict.end(), items.begin(), items.end());
    return {};
  }

  // ('storage', type, key, location, elements); where it was (cpu, cuda:0) does not matter.
  Status storage() {
    WAN_TRY(const Place place, pop());
    const auto items = values_[place].items;
    const bool fits = values_[place].kind == Kind::kTuple && items.size() == 5 && is(items[0], Kind::kText) &&
                      values_[items[0]].text == "storage" && is(items[1], Kind::kStorageType) &&
                      is(items[2], Kind::kText) && is(items[4], Kind::kInteger) &&
                      values_[items[4]].number >= 0;
    if (!fits) return fail(malformed("a persistent id is not that of a storage"));
    return push({.kind = Kind::kStorage,
                 .number = values_[items[4]].number,
                 .dtype = values_[items[1]].dtype,
                 .text = values_[items[2]].text});
  }

  Status reduce() {
    WAN_TRY(const Place arguments, pop());
    WAN_TRY(const Place function, pop());
    if (!is(function, Kind::kFunction) || !is(arguments, Kind::kTuple)) {
      return fail(malformed("it calls what is not a function"));
    }
    const auto items = values_[arguments].items;
    switch (values_[function].number) {
      case kRebuildTensor: return rebuild_tensor(items);
      case kRebuildParameter:
        if (items.size() != 3 || !is(items[0], Kind::kTensor))
          return fail(malformed("a parameter has no tensor"));
        stack_.push_back(items[0]);
        return {};
      default:
        if (!items.empty()) return fail(malformed("an OrderedDict is made of arguments"));
        return push({.kind = Kind::kDict});
    }
  }
  // (storage, offset, shape, strides, requires_grad, backward_hooks[, metadata])
  Status rebuild_tensor(const std::vector<Place>& items) {
    const bool fits = (items.size() == 6 || items.size() == 7) && is(items[0], Kind::kStorage) &&
                      is(items[1], Kind::kInteger) && is(items[2], Kind::kTuple) &&
                      is(items[3], Kind::kTuple);
    if (!fits) return fail(malformed("a tensor is made of the wrong arguments"));
    return push({.kind = Kind::kTensor, .items = {items.begin(), items.begin() + 4}});
  }

  // The attributes of a state dict: its `_metadata`, which is for torch's modules.
  Status build() {
    WAN_TRY(const Place state, pop());
    if (is(state, Kind::kDict) && stack_.size() > floor() && is(stack_.back(), Kind::kDict)) return {};
    return fail(malformed("attributes are set on what is not a dict"));
  }

  bool is(Place place, Kind kind) const { return values_[place].kind == kind; }

  // What the values mean.
  Result<std::vector<PickledTensor>> tensors_of(const Value& dict) const {
    if (dict.kind != Kind::kDict) return fail(corrupt("the pickle is not a dict of tensors"));
    std::vector<PickledTensor> tensors;
    std::set<std::string_view> names;
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const Value& key = values_[dict.items[i]];
      if (key.kind != Kind::kText) return fail(corrupt("the pickled dict has a key that is not text"));
      if (!names.insert(key.text).second) {
        return fail(corrupt("the pickled dict has '" + shown(key.text) + "' twice"));
      }
      auto tensor = tensor_of(key.text, values_[dict.items[i + 1]]);
      if (!tensor) return fail(tensor.error().with_context("entry '" + shown(key.text) + "'"));
      tensors.push_back(*std::move(tensor));
    }
    return tensors;
  }
  Result<PickledTensor> tensor_of(std::string_view name, const Value& value) const {
    if (value.kind == Kind::kDict) {
      return fail(
          corrupt("is a dict; only a flat dict of tensors can be read: save that inner dict by itself"));
    }
    if (value.kind != Kind::kTensor) return fail(corrupt("is not a tensor"));
    const Value& storage = values_[value.items[0]];
    const int64_t offset = values_[value.items[1]].number;
    if (offset < 0) return fail(corrupt("its offset is negative"));
    PickledTensor tensor = {.name = std::string(name),
                            .dtype = storage.dtype,
                            .storage = std::string(storage.text),
                            .storage_elements = static_cast<uint64_t>(storage.number),
                            .offset = static_cast<uint64_t>(offset)};
    WAN_TRY(tensor.shape, numbers_of(values_[value.items[2]]));
    WAN_TRY(tensor.strides, numbers_of(values_[value.items[3]]));
    if (tensor.shape.size() != tensor.strides.size()) {
      return fail(corrupt("its shape and strides do not fit together"));
    }
    return tensor;
  }
  Result<std::vector<int64_t>> numbers_of(const Value& tuple) const {
    if (tuple.items.size() > kMaxDimensions) return fail(corrupt("has more than 8 sides"));
    std::vector<int64_t> numbers;
    for (const Place place : tuple.items) {
      if (!is(place, Kind::kInteger) || values_[place].number < 0) {
        return fail(corrupt("a side or stride is not a whole number"));
      }
      numbers.push_back(values_[place].number);
    }
    return numbers;
  }

  std::span<const std::byte> rest_;
  std::vector<Value> values_;
  std::vector<Place> stack_;
  std::vector<size_t> marks_;
  std::vector<std::optional<Place>> memo_;
};

}  // namespace

Result<std::vector<PickledTensor>> read_pickled_state_dict(std::span<const std::byte> pickle) {
  if (pickle.size() > kMaxPickleBytes) {
    return fail(
        corrupt("the pickle has " + std::to_string(pickle.size()) + " bytes; at most 16777216 are allowed"));
  }
  return Reader(pickle).read();
}

}  // namespace wan::weights
