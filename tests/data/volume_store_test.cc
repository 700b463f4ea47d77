// SPDX-License-Identifier: Apache-2.0
#include "sap/data/volume_store.h"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <limits>
#include <thread>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "data/tiny_store.h"
#include "sap/image/intensity.h"
#include "sap/image/volume_io.h"
#include "support/tensor_near.h"

namespace sap::data {
namespace {

namespace fs = std::filesystem;
using sap::testing::TensorNear;
using ::testing::HasSubstr;

constexpr XyzInt kSize = {24, 20, 28};

struct Tiny {
  fs::path cohort;
  StoreOptions options;
  std::shared_ptr<const VolumeStore> Open() const {
    return OpenOrBuildStore(LoadCohort(OptionsFor(cohort)), options);
  }
  std::vector<fs::path> StoreFiles() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(options.cache_dir)) {
      if (entry.path().extension() == ".sapcase") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }
};

Tiny MakeTiny(int num_cases = 2) {
  Tiny tiny;
  tiny.cohort = testing::FreshFolder() / "cohort";
  testing::MakeTinyCohort(tiny.cohort,
                          {.num_cases = num_cases, .size_vox = kSize, .lesions_per_case = 2});
  tiny.options.cache_dir = (tiny.cohort.parent_path() / "store").string();
  return tiny;
}

TEST(VolumeStore, HoldsWhatTheFilesHold) {
  const Tiny tiny = MakeTiny();
  const auto store = tiny.Open();
  ASSERT_EQ(store->NumCases(), 2U);
  const Volume b1000 = ReadVolume(tiny.cohort / "case_01" / "b1000.nii.gz");
  EXPECT_TRUE(TensorNear(store->Image(1)[1], NormalizePercentiles(b1000.data()), 0));
  const Volume gt = ReadLabels(tiny.cohort / "case_01" / "GT.nii.gz");
  EXPECT_TRUE(TensorNear(store->Labels(1), gt.data(), 0));
  EXPECT_EQ(store->Body(1).sum().item<int64_t>(),
            ReadLabels(tiny.cohort / "case_01" / "body.nii.gz").data().sum().item<int64_t>());
  EXPECT_EQ(store->CaseAt(1).size_vox, kSize);
  EXPECT_EQ(store->Find("case_01"), 1U);
}

TEST(VolumeStore, IndexesLesionsWithVolumesAndAnchorsInside) {
  const Tiny tiny = MakeTiny();
  const auto store = tiny.Open();
  const StoredCase& c = store->CaseAt(0);
  ASSERT_EQ(c.lesions.size(), 2U);
  const Tensor labels = store->Labels(0);
  int64_t total = 0;
  for (const Lesion& lesion : c.lesions) {
    total += lesion.num_vox;
    EXPECT_DOUBLE_EQ(lesion.volume_ml, static_cast<double>(lesion.num_vox) * 0.008);
    EXPECT_EQ(lesion.anchors_vox.size(),
              static_cast<std::size_t>(std::min<int64_t>(32, lesion.num_vox)));
    for (const XyzInt& v : lesion.anchors_vox) {
      EXPECT_TRUE(lesion.box.Contains(v));
      EXPECT_EQ(labels[v.x][v.y][v.z].item<int>(), 1);
    }
  }
  EXPECT_EQ(total, labels.sum().item<int64_t>());
  EXPECT_EQ(c.num_vox_of_class.at(1), total);
}

TEST(VolumeStore, PatchesArePaddedWithZerosOutside) {
  const auto store = MakeTiny().Open();
  const Tensor image = store->Image(0);
  const Tensor patch = store->ImagePatch(0, {-3, 5, 20}, {10, 8, 16});
  Tensor expected = at::zeros({2, 10, 8, 16});
  expected.slice(1, 3, 10).slice(3, 0, 8).copy_(
      image.slice(1, 0, 7).slice(2, 5, 13).slice(3, 20, 28));
  EXPECT_TRUE(TensorNear(patch, expected, 0));
  EXPECT_EQ(store->LabelPatch(0, {100, 0, 0}, {4, 4, 4}).sum().item<int64_t>(), 0);
}

TEST(VolumeStore, HalfSizeVoxelsStayWithin8e6) {
  Tiny tiny = MakeTiny();
  const Tensor exact = tiny.Open()->Image(0);
  tiny.options.dtype = StoreDtype::kUint16;
  EXPECT_TRUE(TensorNear(tiny.Open()->Image(0), exact, 8e-6));
  EXPECT_EQ(tiny.StoreFiles().size(), 4U);  // both kinds lie side by side
}

TEST(VolumeStore, CountsEqualSums) {
  const auto store = MakeTiny().Open();
  const Box box{{-2, 3, 4}, {15, 30, 20}};
  const auto cut = [](const Tensor& t) {
    return t.slice(0, 0, 15).slice(1, 3, 20).slice(2, 4, 20).sum().item<int64_t>();
  };
  EXPECT_EQ(store->CountLabel(0, box), cut(store->Labels(0)));
  EXPECT_EQ(store->CountBody(0, box), cut(store->Body(0)));
}

TEST(VolumeStore, EstimatesTheBodyWhereNoMaskIsGiven) {
  const Tiny tiny = MakeTiny(1);
  const fs::path mask = tiny.cohort / "case_00" / "body.nii.gz";
  const Tensor truth = ReadLabels(mask).data().gt(0);
  fs::remove(mask);
  const Tensor body = tiny.Open()->Body(0).gt(0);
  const double both = body.logical_and(truth).sum().item<double>();
  const double dice = 2 * both / (body.sum().item<double>() + truth.sum().item<double>());
  EXPECT_GE(dice, 0.97);
}

TEST(VolumeStore, ResamplesToTheSpacingAsked) {
  const Tiny tiny = MakeTiny(1);
  CohortOptions options = OptionsFor(tiny.cohort);
  options.spacing_mm = XyzDouble{4, 4, 4};
  const auto store = OpenOrBuildStore(LoadCohort(options), tiny.options);
  EXPECT_EQ(store->CaseAt(0).size_vox, (XyzInt{12, 10, 14}));
  EXPECT_EQ(store->CaseAt(0).native_geometry.size_vox, kSize);
  EXPECT_LE(store->Labels(0).max().item<int>(), 1);
}

TEST(OpenOrBuildStore, OpensWithoutBuildingWhenNothingChanged) {
  const Tiny tiny = MakeTiny();
  const std::string hash = tiny.Open()->Hash();
  const auto written = fs::last_write_time(tiny.StoreFiles()[0]);
  EXPECT_EQ(tiny.Open()->Hash(), hash);
  EXPECT_EQ(fs::last_write_time(tiny.StoreFiles()[0]), written);
}

TEST(OpenOrBuildStore, RebuildsOnlyTheCaseThatChanged) {
  const Tiny tiny = MakeTiny();
  const std::string hash = tiny.Open()->Hash();
  const auto files = tiny.StoreFiles();
  const auto first = fs::last_write_time(files[0]);
  const auto second = fs::last_write_time(files[1]);
  const Volume t1 = ReadVolume(tiny.cohort / "case_01" / "T1.nii.gz");
  WriteVolume(tiny.cohort / "case_01" / "T1.nii.gz", t1.WithData(t1.data().flip({0}).contiguous()));
  EXPECT_NE(tiny.Open()->Hash(), hash);
  EXPECT_EQ(fs::last_write_time(files[0]), first);
  EXPECT_NE(fs::last_write_time(files[1]), second);
}

TEST(OpenOrBuildStore, ATouchedFileWithTheSameContentIsNoReasonToRebuild) {
  const Tiny tiny = MakeTiny();
  tiny.Open();
  const auto written = fs::last_write_time(tiny.StoreFiles()[0]);
  fs::last_write_time(tiny.cohort / "case_00" / "T1.nii.gz", fs::file_time_type::clock::now());
  tiny.Open();
  EXPECT_EQ(fs::last_write_time(tiny.StoreFiles()[0]), written);
}

TEST(OpenOrBuildStore, RebuildsACutFileAndAnAlteredHeader) {
  const Tiny tiny = MakeTiny();
  const Tensor image = tiny.Open()->Image(0);
  const fs::path file = tiny.StoreFiles()[0];
  fs::resize_file(file, fs::file_size(file) - 1);
  EXPECT_TRUE(TensorNear(tiny.Open()->Image(0), image, 0));
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(120);
    bytes.put('#');
  }
  EXPECT_TRUE(TensorNear(tiny.Open()->Image(0), image, 0));
  fs::resize_file(file, 10);
  EXPECT_TRUE(TensorNear(tiny.Open()->Image(0), image, 0));
}

TEST(OpenOrBuildStore, FullCheckFindsAnAlteredVoxel) {
  Tiny tiny = MakeTiny();
  const Tensor image = tiny.Open()->Image(0);
  const fs::path file = tiny.StoreFiles()[0];
  const auto middle = static_cast<std::streamoff>(fs::file_size(file) / 2);
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekg(middle);
    const int old = bytes.get();
    bytes.seekp(middle);
    bytes.put(static_cast<char>(old ^ 0x55));
  }
  tiny.options.check = StoreCheck::kFull;
  EXPECT_TRUE(TensorNear(tiny.Open()->Image(0), image, 0));
}

TEST(OpenOrBuildStore, ReportsUnusableVoxelsOfAllCasesAndKeepsTheGoodOnes) {
  const Tiny tiny = MakeTiny(4);
  const Volume t1 = ReadVolume(tiny.cohort / "case_00" / "T1.nii.gz");
  Tensor broken = t1.data().clone();
  broken[3][4][5] = std::numeric_limits<float>::quiet_NaN();
  WriteVolume(tiny.cohort / "case_00" / "T1.nii.gz", t1.WithData(broken));
  const fs::path cut = tiny.cohort / "case_01" / "b1000.nii.gz";
  fs::resize_file(cut, fs::file_size(cut) / 2);
  const Volume skeleton = ReadLabels(tiny.cohort / "case_02" / "skeleton.nii.gz");
  WriteVolume(tiny.cohort / "case_02" / "skeleton.nii.gz", skeleton.WithData(skeleton.data() * 3));
  CohortOptions options = OptionsFor(tiny.cohort);
  options.label = "skeleton";
  options.labels.scheme = LabelScheme::kSkeleton;
  const Cohort cohort = LoadCohort(options);
  const Thrown thrown = ErrorOf([&] { OpenOrBuildStore(cohort, tiny.options); });
  EXPECT_EQ(thrown.kind, ErrorKind::kInput);
  EXPECT_THAT(thrown.text, HasSubstr("3 of 4 cases"));
  EXPECT_THAT(thrown.text, HasSubstr("case_00"));
  EXPECT_THAT(thrown.text, HasSubstr("case_01"));
  EXPECT_THAT(thrown.text, HasSubstr("case_02: the label map holds"));
  EXPECT_EQ(tiny.StoreFiles().size(), 1U);
}

TEST(OpenOrBuildStore, TwoBuildersAtOnceBuildEachCaseOnce) {
  const Tiny tiny = MakeTiny(4);
  const Cohort cohort = LoadCohort(OptionsFor(tiny.cohort));
  std::vector<std::string> hashes(2);
  {
    std::vector<std::jthread> builders;
    for (std::string& hash : hashes) {
      builders.emplace_back([&] { hash = OpenOrBuildStore(cohort, tiny.options)->Hash(); });
    }
  }
  EXPECT_EQ(hashes[0], hashes[1]);
  EXPECT_EQ(tiny.StoreFiles().size(), 4U);
}

// A builder that is killed leaves whole files or none; the next one finishes and tidies up.
TEST(OpenOrBuildStore, AKilledBuilderLeavesNothingHalf) {
  const Tiny tiny = MakeTiny(6);
  const Cohort cohort = LoadCohort(OptionsFor(tiny.cohort));
  fs::create_directories(tiny.options.cache_dir);
  std::ofstream(fs::path(tiny.options.cache_dir) / ".tmp-1-0-case_00-0.sapcase") << "half";
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    try {
      OpenOrBuildStore(cohort, tiny.options);
    } catch (...) {
      _exit(1);
    }
    _exit(0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  const auto store = tiny.Open();
  EXPECT_EQ(store->NumCases(), 6U);
  for (const auto& entry : fs::directory_iterator(tiny.options.cache_dir)) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".tmp-")) << entry.path();
  }
}

}  // namespace
}  // namespace sap::data
