// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <random>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "nn/hostile_files.h"
#include "nn/pickle_reader.h"
#include "nn/pickle_writer.h"
#include "sap/core/files.h"
#include "sap/nn/weights_io.h"
#include "support/shared_folder.h"

namespace sap::nn {
namespace {

using testing::FreshFolder;
using testing::LittleEndian;
using testing::MakeZip;
using testing::RefusesInput;
using testing::WriteBytes;
using testing::ZipMember;

constexpr char kProto[] = "\x80\x02";

Pickle Read(const std::string& text) {
  return ReadPickle(std::as_bytes(std::span(text.data(), text.size())), "w.pt");
}

::testing::AssertionResult PickleIsRefused(const std::string& body, const std::string& part) {
  return RefusesInput([&] { Read(kProto + body); }, part);
}

std::string Text(const std::string& text) {
  return "X" + LittleEndian(static_cast<uint32_t>(text.size())) + text;
}
std::string Long(int64_t value) {
  return "\x8a\x08" + LittleEndian(static_cast<uint64_t>(value));
}

// {"w": a float tensor of the given offset, sizes and strides in a storage of `numel` elements}.
std::string TensorPickle(int64_t numel,
                         int64_t offset,
                         const std::vector<int64_t>& sizes,
                         const std::vector<int64_t>& strides,
                         const std::string& key = "0") {
  std::string text = kProto + std::string("}") + Text("w") +
                     "ctorch._utils\n_rebuild_tensor_v2\n((" + Text("storage") +
                     "ctorch\nFloatStorage\n" + Text(key) + Text("cpu") + Long(numel) + "tQ" +
                     Long(offset) + "(";
  for (const int64_t size : sizes) text += Long(size);
  text += "t(";
  for (const int64_t stride : strides) text += Long(stride);
  return text + "t\x89}tRs.";
}

std::vector<ZipMember> Members(const std::string& pickle, std::size_t num_data_bytes = 16) {
  return {{"archive/data.pkl", pickle},
          {"archive/byteorder", "little"},
          {"archive/data/0", std::string(num_data_bytes, '\0')}};
}

::testing::AssertionResult FileIsRefused(const std::string& bytes, const std::string& part) {
  const auto path = WriteBytes(FreshFolder() / "w.pt", bytes);
  return RefusesInput([&] { ReadPt(path); }, part);
}

TEST(PickleReader, ReadsNumbersOfEachWidth) {
  const Pickle pickle =
      Read(kProto + std::string("(J\xff\xff\xff\xff") + "K\xff" + "M\xff\xff" + "\x8a\x01\x80" +
           Long(-5) + std::string("\x8a\x00", 2) + std::string("G\x3f\xe0\0\0\0\0\0\0", 9) + "t.");
  const auto& items = pickle[pickle.root].items;
  const std::vector<int64_t> expected = {-1, 255, 65535, -128, -5, 0};
  ASSERT_EQ(items.size(), 7U);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(pickle[items[i]].integer, expected[i]);
  EXPECT_EQ(pickle[items[6]].real, 0.5);
}

TEST(PickleReader, RefusesNamesOutsideTheAllowListByName) {
  EXPECT_TRUE(PickleIsRefused("cos\nsystem\n" + Text("true") + "\x85R.", "'os.system'"));
  EXPECT_TRUE(PickleIsRefused("cposix\nsystem\n.", "'posix.system'"));
  EXPECT_TRUE(PickleIsRefused("cbuiltins\neval\n.", "'builtins.eval'"));
  EXPECT_TRUE(PickleIsRefused(Text("builtins") + Text("exec") + "\x93.", "'builtins.exec'"));
  EXPECT_TRUE(PickleIsRefused("ctorch\nload\n.", "'torch.load'"));
  EXPECT_TRUE(PickleIsRefused("cmonai.networks.nets\nSwinUNETR\n.", "save model.state_dict()"));
}

TEST(PickleReader, RefusesOpcodesOfOtherWritersByNumber) {
  EXPECT_TRUE(PickleIsRefused("ios\nsystem\n.", "opcode 0x69"));
  EXPECT_TRUE(PickleIsRefused("\x82\x01.", "opcode 0x82"));
  EXPECT_TRUE(PickleIsRefused("Pname\n.", "opcode 0x50"));
  EXPECT_TRUE(RefusesInput([] { Read("\x80\x07N."); }, "protocol 7"));
}

TEST(PickleReader, RefusesWhatDoesNotStandOnItsStack) {
  EXPECT_TRUE(PickleIsRefused(".", "operand missing"));
  EXPECT_TRUE(PickleIsRefused("0", "operand missing"));
  EXPECT_TRUE(PickleIsRefused("t", "no mark"));
  EXPECT_TRUE(PickleIsRefused("N(a", "operand missing"));
  EXPECT_TRUE(PickleIsRefused("h\x05", "memo entry 5"));
  EXPECT_TRUE(PickleIsRefused("j\xff\xff\xff\xff", "memo entry 4294967295"));
  EXPECT_TRUE(PickleIsRefused("q", "cut short"));
  EXPECT_TRUE(PickleIsRefused("}(Nu.", "key without a value"));
  EXPECT_TRUE(PickleIsRefused("NNNs.", "no dict"));
  EXPECT_TRUE(PickleIsRefused("NNa.", "no list"));
  EXPECT_TRUE(PickleIsRefused("N)R.", "no known name"));
  EXPECT_TRUE(PickleIsRefused("NQ.", "no tensor storage"));
  EXPECT_TRUE(PickleIsRefused("ctorch._utils\n_rebuild_tensor_v2\n)R.", "without storage"));
}

TEST(PickleReader, RefusesLengthsBeyondTheFile) {
  EXPECT_TRUE(PickleIsRefused("X\xff\xff\xff\xff.", "cut short"));
  EXPECT_TRUE(PickleIsRefused("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "cut short"));
  EXPECT_TRUE(PickleIsRefused("\x8b\xff\xff\xff\xff.", "cut short"));
  EXPECT_TRUE(PickleIsRefused("cnever ends", "cut short"));
  EXPECT_TRUE(PickleIsRefused("N", "cut short"));
}

TEST(PickleReader, DeepNestingAndCyclesCostNoRecursion) {
  const std::string deep = std::string(300'000, ']') + std::string(299'999, 'a');
  EXPECT_EQ(Read(kProto + deep + ".").values.size(), 300'000U);
  EXPECT_EQ(Read(kProto + std::string("]q\x01h\x01"
                                      "a.",
                                      7))
                .values.size(),
            1U);
}

TEST(PickleReader, RefusesMoreValuesThanWeightsNeed) {
  EXPECT_TRUE(PickleIsRefused(std::string(1'000'001, 'N') + ".", "more values"));
  // One list of pairs in the memo, poured into dict after dict.
  std::string pairs = "(";
  for (int i = 0; i < 20'000; ++i) pairs += "NN\x86";
  pairs += "lq\x01";
  for (int i = 0; i < 200; ++i) pairs += "ccollections\nOrderedDict\nh\x01\x85R";
  EXPECT_TRUE(PickleIsRefused(pairs + ".", "more dict items"));
}

TEST(PtFile, ReadsATensorInsideItsStorage) {
  const auto path =
      WriteBytes(FreshFolder() / "w.pt", MakeZip(Members(TensorPickle(4, 1, {3}, {1}))));
  EXPECT_EQ(ReadPt(path).Find("w")->sizes().vec(), std::vector<int64_t>{3});
}

TEST(PtFile, RefusesTensorsThatReachBeyondTheirStorage) {
  const auto refused = [](const std::string& pickle, const std::string& part) {
    return FileIsRefused(MakeZip(Members(pickle)), part);
  };
  EXPECT_TRUE(refused(TensorPickle(4, 2, {3}, {1}), "beyond its storage"));
  EXPECT_TRUE(refused(TensorPickle(4, 0, {2}, {4}), "beyond its storage"));
  EXPECT_TRUE(refused(TensorPickle(4, 0, {1'000'000'000'000}, {0}), "beyond its storage"));
  EXPECT_TRUE(refused(TensorPickle(4, INT64_MAX, {1}, {1}), "beyond its storage"));
  EXPECT_TRUE(refused(TensorPickle(4, 0, {2}, {INT64_MAX}), "beyond its storage"));
  EXPECT_TRUE(refused(TensorPickle(4, 0, {INT64_MAX, INT64_MAX}, {1, 1}), "beyond its storage"));
  EXPECT_TRUE(refused(TensorPickle(4, -1, {1}, {1}), "bad offset"));
  EXPECT_TRUE(refused(TensorPickle(4, 0, {-1}, {1}), "negative"));
  EXPECT_TRUE(refused(TensorPickle(4, 0, {1}, {-1}), "negative"));
  EXPECT_TRUE(refused(TensorPickle(4, 0, {1, 1}, {1}), "2 sizes but 1 strides"));
  EXPECT_TRUE(refused(TensorPickle(4, 0, std::vector<int64_t>(65, 1), {1}), "at most 64"));
  EXPECT_TRUE(refused(TensorPickle(400, 0, {1}, {1}), "claims 400 elements"));
  EXPECT_TRUE(refused(TensorPickle(-4, 0, {1}, {1}), "claims -4 elements"));
  EXPECT_TRUE(refused(TensorPickle(4, 0, {1}, {1}, "9"), "'data/9', which is missing"));
  EXPECT_TRUE(refused(TensorPickle(4, 0, {1}, {1}, "../../etc"), "which is missing"));
}

TEST(PtFile, RefusesZipsThatTorchDoesNotWrite) {
  const std::string good = TensorPickle(4, 0, {4}, {1});
  const auto with = [&](const ZipMember& member) {
    std::vector<ZipMember> members = Members(good);
    members.push_back(member);
    return MakeZip(members);
  };
  EXPECT_TRUE(FileIsRefused(with({"archive/x", "abc", 8}), "compressed"));
  EXPECT_TRUE(FileIsRefused(with({"archive/x", "abc", 0, 1 << 30}), "claims 1073741824 bytes"));
  EXPECT_TRUE(FileIsRefused(with({"archive/x", "abc", 0, -1, 1 << 30}), "not where"));
  EXPECT_TRUE(FileIsRefused(with({"archive/x", "abc", 0, -1, 0}), "another name"));
  EXPECT_TRUE(FileIsRefused(with({"archive/data/0", "abc"}), "stands twice"));
  EXPECT_TRUE(FileIsRefused(with({"../evil", "abc"}), "unsafe name"));
  EXPECT_TRUE(FileIsRefused(with({"/etc/passwd", "abc"}), "unsafe name"));
  EXPECT_TRUE(FileIsRefused(with({"a/../../b", "abc"}), "unsafe name"));
  EXPECT_TRUE(FileIsRefused(with({"a\\b", "abc"}), "unsafe name"));
  EXPECT_TRUE(FileIsRefused(with({"archive/constants.pkl", "abc"}), "TorchScript"));
  EXPECT_TRUE(FileIsRefused(MakeZip({{"a.txt", "abc"}}), "torch.save did not write it"));
  const std::string whole = MakeZip(Members(good));
  EXPECT_TRUE(FileIsRefused(whole.substr(0, whole.size() - 30), "end record"));
  EXPECT_TRUE(FileIsRefused("PK\x03\x04", "end record"));
}

TEST(PtFile, RefusesDamageBigEndianAndOldFormats) {
  const std::string good = TensorPickle(4, 0, {4}, {1});
  std::string damaged = MakeZip(Members(good));
  damaged[damaged.find("FloatStorage")] = 'f';
  EXPECT_TRUE(FileIsRefused(damaged, "checksum"));
  std::vector<ZipMember> big_endian = Members(good);
  big_endian[1].bytes = "big";
  EXPECT_TRUE(FileIsRefused(MakeZip(big_endian), "byte order 'big'"));
  EXPECT_TRUE(FileIsRefused(std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9", 9), "before 1.6"));
  EXPECT_TRUE(FileIsRefused("text", "no zip"));
}

TEST(PtFile, RefusesPicklesWithoutWeights) {
  const auto refused = [](const std::string& pickle, const std::string& part) {
    return FileIsRefused(MakeZip(Members(kProto + pickle)), part);
  };
  EXPECT_TRUE(refused("N.", "holds a None"));
  EXPECT_TRUE(refused("}.", "without weights"));
  EXPECT_TRUE(refused("}" + Text("epoch") + "K\1s.", "without weights"));
}

// Damage behind a checksum that holds, as an attacker would do it.
TEST(PtFile, RandomDamageIsRefusedOrHarmless) {
  const auto folder = FreshFolder();
  NamedTensors weights;
  weights.entries = {{"a.weight", at::rand({2, 3})}, {"b", at::arange(4)}, {"c", at::ones({1})}};
  weights.metadata = {{"k", "v"}};
  const std::string pickle = PickleOfWeights(weights, PtForm::kStateDict);
  const auto members = [&](const std::string& text) {
    return std::vector<ZipMember>{{"x/data.pkl", text},
                                  {"x/data/0", std::string(24, '\1')},
                                  {"x/data/1", std::string(32, '\1')},
                                  {"x/data/2", std::string(4, '\1')}};
  };
  const std::string file = MakeZip(members(pickle));
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  std::mt19937 random(11);
  int num_refused = 0;
  for (int round = 0; round < 6000; ++round) {
    std::string bad = round % 2 == 0 ? pickle : file;
    for (unsigned flips = random() % 3 + 1; flips > 0; --flips) {
      bad[random() % bad.size()] = static_cast<char>(random());
    }
    if (round % 7 == 0) bad.resize(random() % bad.size());
    const auto path = WriteBytes(folder / "bad.pt", round % 2 == 0 ? MakeZip(members(bad)) : bad);
    try {
      for (const auto& entry : ReadPt(path).entries) entry.second.sum();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
      ++num_refused;
    }
  }
  EXPECT_GT(num_refused, 1000);
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 100 * 1024) << "kB";
}

}  // namespace
}  // namespace sap::nn
