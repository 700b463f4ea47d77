// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <random>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "nn/hostile_files.h"
#include "sap/core/files.h"
#include "sap/nn/weights_io.h"
#include "support/shared_folder.h"

namespace sap::nn {
namespace {

using testing::FreshFolder;
using testing::LittleEndian;
using testing::RefusesInput;
using testing::WriteBytes;

std::string Bytes(const std::string& header, std::size_t num_data_bytes) {
  return LittleEndian<uint64_t>(header.size()) + header + std::string(num_data_bytes, '\1');
}

::testing::AssertionResult IsRefused(const std::string& bytes, const std::string& part) {
  const auto path = WriteBytes(FreshFolder() / "w.safetensors", bytes);
  return RefusesInput([&] { ReadSafetensors(path); }, part);
}

std::string Entry(const std::string& name,
                  const std::string& shape,
                  const std::string& offsets,
                  const std::string& dtype = "F32") {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

NamedTensors EveryType() {
  NamedTensors weights;
  const Tensor values = at::arange(-3, 9).view({3, 4});
  for (const at::ScalarType dtype : {at::kByte,
                                     at::kDouble,
                                     at::kBool,
                                     at::kFloat,
                                     at::kHalf,
                                     at::kBFloat16,
                                     at::kLong,
                                     at::kInt,
                                     at::kShort,
                                     at::kChar}) {
    weights.entries.emplace_back(c10::toString(dtype), values.abs().to(dtype));
  }
  weights.entries.emplace_back("empty", at::empty({0, 3}));
  weights.entries.emplace_back("scalar", at::scalar_tensor(2.5));
  weights.entries.emplace_back("transposed", values.to(at::kFloat).t());
  weights.metadata = {{weights_key::kPatchMerging, "legacy"}, {"note", "\"quoted\" \u00e9"}};
  return weights;
}

TEST(Safetensors, RoundTripKeepsNamesOrderTypesValuesAndMetadata) {
  const auto path = FreshFolder() / "w.safetensors";
  const NamedTensors written = EveryType();
  WriteSafetensors(path, written);
  const NamedTensors read = ReadSafetensors(path);
  ASSERT_EQ(read.entries.size(), written.entries.size());
  for (std::size_t i = 0; i < read.entries.size(); ++i) {
    EXPECT_EQ(read.entries[i].first, written.entries[i].first);
    EXPECT_EQ(read.entries[i].second.scalar_type(), written.entries[i].second.scalar_type());
    EXPECT_TRUE(at::equal(read.entries[i].second, written.entries[i].second)) << i;
  }
  EXPECT_EQ(read.metadata, written.metadata);
}

TEST(Safetensors, WritingToATensorThatWasReadLeavesTheFileAsItIs) {
  const auto path = FreshFolder() / "w.safetensors";
  WriteSafetensors(path, EveryType());
  const std::string before = Sha256OfFile(path);
  NamedTensors read = ReadSafetensors(path);
  for (auto& entry : read.entries) entry.second.zero_();
  EXPECT_EQ(Sha256OfFile(path), before);
}

TEST(Safetensors, EqualWeightsGiveEqualFiles) {
  const auto folder = FreshFolder();
  WriteSafetensors(folder / "a.safetensors", EveryType());
  WriteSafetensors(folder / "b.safetensors", EveryType());
  EXPECT_EQ(Sha256OfFile(folder / "a.safetensors"), Sha256OfFile(folder / "b.safetensors"));
}

TEST(Safetensors, MisalignedDataIsCopiedAndRead) {
  const std::string header =
      "{" + Entry("a", "[1]", "[0,1]", "U8") + "," + Entry("b", "[1]", "[1,9]", "F64") + "}";
  const auto path = WriteBytes(FreshFolder() / "w.safetensors", Bytes(header, 9));
  EXPECT_GT(ReadSafetensors(path).Find("b")->item<double>(), 0.0);
}

TEST(Safetensors, RefusesAFileThatIsNotTheFormat) {
  EXPECT_TRUE(IsRefused("", "empty"));
  EXPECT_TRUE(IsRefused("12345678", "too few"));
  EXPECT_TRUE(IsRefused(Bytes("[1]", 0), "does not start with '{'"));
  EXPECT_TRUE(IsRefused(Bytes("{nonsense}", 0), "not JSON"));
  EXPECT_TRUE(IsRefused(Bytes("{} {}", 0), "not JSON"));
  EXPECT_TRUE(IsRefused(Bytes("{" + Entry("a\xff", "[1]", "[0,4]") + "}", 4), "not JSON"));
  EXPECT_TRUE(IsRefused(Bytes("{\"a\":3}", 0), "a number"));
  EXPECT_TRUE(IsRefused(Bytes("{\"a\":[[[[", 0), "a list"));
  EXPECT_TRUE(IsRefused(Bytes("{\"__metadata__\":{\"a\":{}}}", 0), "an object"));
  EXPECT_TRUE(IsRefused(Bytes("{\"__metadata__\":{\"a\":1}}", 0), "a number"));
}

TEST(Safetensors, RefusesAHeaderLengthThatCannotBe) {
  const auto with_length = [](uint64_t length) { return LittleEndian(length) + "{}      "; };
  EXPECT_TRUE(IsRefused(with_length(UINT64_MAX), "the format allows"));
  EXPECT_TRUE(IsRefused(with_length(100'000'001), "the format allows"));
  EXPECT_TRUE(IsRefused(with_length(9), "cut short"));
}

TEST(Safetensors, RefusesRangesThatDoNotFillTheDataExactly) {
  const std::string a = Entry("a", "[1]", "[0,4]");
  EXPECT_TRUE(IsRefused(Bytes("{" + a + "}", 8), "belongs to none"));
  EXPECT_TRUE(IsRefused(Bytes("{" + a + "," + Entry("b", "[1]", "[8,12]") + "}", 12), "holes"));
  EXPECT_TRUE(IsRefused(Bytes("{" + a + "," + Entry("b", "[1]", "[2,6]") + "}", 6), "overlap"));
  EXPECT_TRUE(IsRefused(Bytes("{" + a + "," + Entry("b", "[1]", "[0,4]") + "}", 4), "overlap"));
  EXPECT_TRUE(IsRefused(Bytes("{" + Entry("a", "[2]", "[0,8]") + "}", 4), "cut short"));
  EXPECT_TRUE(IsRefused(Bytes("{" + Entry("a", "[1]", "[4,0]") + "}", 4), "bytes 4 to 0"));
  EXPECT_TRUE(IsRefused(Bytes("{" + Entry("a", "[3]", "[0,4]") + "}", 4), "shape needs 12"));
  EXPECT_TRUE(IsRefused(Bytes("{" + Entry("a", "[1]", "[0]") + "}", 4), "two numbers"));
  EXPECT_TRUE(IsRefused(Bytes("{" + Entry("a", "[1]", "[0,4,4]") + "}", 4), "a number"));
}

TEST(Safetensors, RefusesShapesThatOverflow) {
  const std::string big = "[4294967296,4294967296]";
  EXPECT_TRUE(IsRefused(Bytes("{" + Entry("a", big, "[0,0]") + "}", 0), "overflows"));
  EXPECT_TRUE(IsRefused(Bytes("{" + Entry("a", "[0,4294967296,4294967296]", "[0,0]") + "}", 0),
                        "overflows"));
  EXPECT_TRUE(
      IsRefused(Bytes("{" + Entry("a", "[9223372036854775807]", "[0,8]") + "}", 8), "overflows"));
  EXPECT_TRUE(
      IsRefused(Bytes("{" + Entry("a", "[18446744073709551615]", "[0,0]") + "}", 0), "too large"));
  EXPECT_TRUE(IsRefused(Bytes("{" + Entry("a", "[-1]", "[0,4]") + "}", 4), "negative"));
}

TEST(Safetensors, RefusesUnknownTypesFieldsAndDuplicates) {
  const std::string a = Entry("a", "[1]", "[0,4]");
  EXPECT_TRUE(IsRefused(Bytes("{" + Entry("a", "[1]", "[0,4]", "C64") + "}", 4), "'C64'"));
  EXPECT_TRUE(IsRefused(Bytes("{" + a + "," + a + "}", 4), "'a' stands twice"));
  EXPECT_TRUE(IsRefused(Bytes("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 4), "twice"));
  EXPECT_TRUE(IsRefused(Bytes("{\"a\":{\"dtype\":\"F32\"}}", 4), "exactly dtype, shape"));
}

TEST(Safetensors, RefusesBooleansOtherThanZeroAndOne) {
  std::string bytes = Bytes("{" + Entry("a", "[1]", "[0,1]", "BOOL") + "}", 1);
  bytes.back() = '\2';
  EXPECT_TRUE(IsRefused(bytes, "other than 0 and 1"));
}

TEST(Safetensors, WriterRefusesDuplicateNamesAndForeignTypes) {
  const auto path = FreshFolder() / "w.safetensors";
  NamedTensors twice;
  twice.entries = {{"a", at::zeros({1})}, {"a", at::zeros({1})}};
  EXPECT_TRUE(RefusesInput([&] { WriteSafetensors(path, twice); }, "is taken"));
  NamedTensors complex;
  complex.entries = {{"a", at::zeros({1}, at::kComplexFloat)}};
  EXPECT_TRUE(RefusesInput([&] { WriteSafetensors(path, complex); }, "ComplexFloat"));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Safetensors, AMissingFileIsAnErrorOfInputOutput) {
  try {
    ReadSafetensors(FreshFolder() / "none.safetensors");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
  }
}

TEST(Safetensors, RandomDamageIsRefusedOrHarmless) {
  const auto folder = FreshFolder();
  WriteSafetensors(folder / "good.safetensors", EveryType());
  const std::string good = ReadFile(folder / "good.safetensors");
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  std::mt19937 random(7);
  int num_refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bad = good;
    for (unsigned flips = random() % 3 + 1; flips > 0; --flips) {
      bad[random() % bad.size()] = static_cast<char>(random());
    }
    if (round % 5 == 0) bad.resize(random() % bad.size());
    const auto path = WriteBytes(folder / "bad.safetensors", bad);
    try {
      for (const auto& entry : ReadSafetensors(path).entries) entry.second.sum();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
      ++num_refused;
    }
  }
  EXPECT_GT(num_refused, 500);
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 100 * 1024) << "kB";
}

}  // namespace
}  // namespace sap::nn
