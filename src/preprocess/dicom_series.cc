// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/dicom_series.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include "preprocess/b_values.h"
#include "preprocess/dicom_pixels.h"
#include "preprocess/dicom_plan.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/image/orient.h"
#include "sap/preprocess/neutral_names.h"

namespace sap::preprocess {
namespace {

using dicom::Choice;
using dicom::Folder;
using dicom::Frame;
using dicom::Plan;
using dicom::Stack;

constexpr double kSamePlaceMm = 1.0;
constexpr std::size_t kLargestFaultList = 12;

// Slices come file by file; a multi-frame file is decoded once for all of its volumes.
class PixelSource {
 public:
  explicit PixelSource(const Folder& folder) : folder_(folder) {}
  const dicom::StoredImage& Of(const Frame& frame) {
    if (!image_ || file_idx_ != frame.file_idx) {
      image_.reset();
      image_ = Decode(folder_.files[frame.file_idx], folder_.names[frame.file_idx], frame);
      file_idx_ = frame.file_idx;
    }
    return *image_;
  }

 private:
  static std::unique_ptr<dicom::StoredImage> Decode(const fs::path& file,
                                                    const std::string& name,
                                                    const Frame& frame) {
    try {
      return std::make_unique<dicom::StoredImage>(file, name, frame);
    } catch (const Error&) {
      throw;
    } catch (const std::exception&) {  // a decoder's own, or memory that a lying length asks for
      Fail(ErrorKind::kInput,
           "{}: the voxels cannot be decoded (a damaged file); copy it again from its source",
           name);
    }
  }

  const Folder& folder_;
  std::unique_ptr<dicom::StoredImage> image_;
  std::size_t file_idx_ = 0;
};

Volume ReadStack(const Stack& stack, bool precise, PixelSource& source) {
  const XyzInt& size_vox = stack.grid.size_vox;
  Tensor data_XYZ = at::empty({size_vox.x, size_vox.y, size_vox.z}, at::kFloat);
  for (std::size_t k = 0; k < stack.slices.size(); ++k) {
    const Frame& frame = stack.slices[k];
    source.Of(frame).CopySlice(
        frame, precise, data_XYZ.data_ptr<float>() + k, size_vox.y * size_vox.z, size_vox.z);
  }
  return {data_XYZ, stack.grid};
}

// Precise values only where every slice of the sequence allows them: half of a patient in other
// units would be worse than display units.
bool AllHavePhilipsScale(const std::vector<Choice>& choices, bool diffusion) {
  return std::all_of(choices.begin(), choices.end(), [&](const Choice& c) {
    return !c.used || c.rule->diffusion != diffusion ||
           std::all_of(c.stack.slices.begin(), c.stack.slices.end(), [](const Frame& f) {
             return f.philips_scale.has_value();
           });
  });
}

void RequireNoFaults(const Plan& plan, const std::string& case_id) {
  const auto& faults = plan.faults;
  const std::size_t shown = std::min(faults.size(), kLargestFaultList);
  const std::vector<std::string> first(faults.begin(),
                                       faults.begin() + static_cast<std::ptrdiff_t>(shown));
  SAP_REQUIRE(ErrorKind::kInput,
              faults.empty(),
              "{}: {}{}",
              case_id,
              fmt::join(first, fmt::format("\n{}: ", case_id)),
              faults.size() > shown
                  ? fmt::format("\n{}: and {} more", case_id, faults.size() - shown)
                  : "");
}

void RequireAnyUsed(const Plan& plan, const std::string& case_id) {
  const bool any =
      std::any_of(plan.choices.begin(), plan.choices.end(), [](const Choice& c) { return c.used; });
  SAP_REQUIRE(ErrorKind::kInput,
              any,
              "{}: no series is a T1 or diffusion station; what was found:\n{}",
              case_id,
              dicom::ListingOf(plan).Text());
}

std::string ModalityOf(const Choice& used) {
  return used.rule->diffusion ? kDwi : kT1;
}

std::optional<double> BValueOf(const Choice& used) {
  return used.rule->diffusion ? used.stack.first().b_s_per_mm2 : std::nullopt;
}

std::vector<DicomVolume> ReadPlan(const Plan& plan, const DicomOptions& options) {
  const bool precise[] = {
      options.philips_precise && AllHavePhilipsScale(plan.choices, /*diffusion=*/false),
      options.philips_precise && AllHavePhilipsScale(plan.choices, /*diffusion=*/true)};
  PixelSource source(plan.folder);
  std::vector<DicomVolume> volumes;
  for (const Choice& c : plan.choices) {
    if (!c.used) continue;
    volumes.push_back({.image = ReadStack(c.stack, precise[c.rule->diffusion ? 1 : 0], source),
                       .sequence = c.rule->name,
                       .modality = ModalityOf(c),
                       .b_s_per_mm2 = BValueOf(c),
                       .gradient = c.stack.first().gradient,
                       .series_number = c.stack.header().series_number});
  }
  return volumes;
}

bool SameStationAndB(const DicomVolume& a, const DicomVolume& b) {
  if (a.modality != b.modality || a.b_s_per_mm2.has_value() != b.b_s_per_mm2.has_value()) {
    return false;
  }
  if (!a.b_s_per_mm2) return false;  // T1 stations are never averaged
  return SameBValue(*a.b_s_per_mm2, *b.b_s_per_mm2) &&
         std::abs(CentreZMm(a.image.geometry()) - CentreZMm(b.image.geometry())) <= kSamePlaceMm;
}

// The mean over a station's directions of one b-value; takes the members out of `volumes`.
DicomVolume TakeMean(std::vector<DicomVolume>& volumes, const std::string& case_id) {
  DicomVolume mean = std::move(volumes.front());
  volumes.erase(volumes.begin());
  int count = 1;
  double sum_b = mean.b_s_per_mm2.value_or(0);
  Tensor sum_XYZ = mean.image.data();
  for (auto it = volumes.begin(); it != volumes.end();) {
    if (!SameStationAndB(mean, *it)) {
      ++it;
      continue;
    }
    SAP_REQUIRE(
        ErrorKind::kGeometry,
        it->image.SameGridAs(mean.image, 0.05),
        "{}: series {} and {} hold b {:g} of one station on different grids ({}); directions "
        "of one b-value must share a grid: leave one series out of the folder",
        case_id,
        mean.series_number,
        it->series_number,
        *mean.b_s_per_mm2,
        it->image.geometry().DifferenceFrom(mean.image.geometry(), 0.05));
    sum_XYZ = sum_XYZ + it->image.data();
    sum_b += *it->b_s_per_mm2;
    ++count;
    it = volumes.erase(it);
  }
  if (count > 1) mean.image = mean.image.WithData(sum_XYZ / count);
  if (mean.b_s_per_mm2) mean.b_s_per_mm2 = std::round(10 * sum_b / count) / 10;
  return mean;
}

// b-values of one station must lie on one grid: ADC is a voxelwise fit.
void RequireSharedGrids(const StationSet& set) {
  for (const Station& a : set.stations) {
    for (const Station& b : set.stations) {
      if (a.modality != b.modality || a.station_idx != b.station_idx || !a.b_s_per_mm2) continue;
      SAP_REQUIRE(ErrorKind::kGeometry,
                  b.image.SameGridAs(a.image, 0.05),
                  "{}: diffusion station {}: b {:g} and b {:g} lie on different grids ({}); all "
                  "b-values of a station must share a grid: export the series again",
                  set.case_id,
                  a.station_idx + 1,
                  *a.b_s_per_mm2,
                  *b.b_s_per_mm2,
                  b.image.geometry().DifferenceFrom(a.image.geometry(), 0.05));
    }
  }
}

}  // namespace

bool HoldsDicom(const fs::path& folder) {
  const std::vector<fs::path> files = FilesBelow(folder);
  return std::any_of(files.begin(), files.end(), dicom::StartsAsDicom);
}

std::string HashOfContents(const fs::path& folder) {
  std::vector<std::string> hashes;
  for (const fs::path& file : FilesBelow(folder)) hashes.push_back(Sha256OfFile(file));
  std::sort(hashes.begin(), hashes.end());
  return Sha256OfBytes(fmt::format("{}", fmt::join(hashes, "\n")));
}

std::vector<StationOutline> DicomOutlines(const fs::path& folder,
                                          const std::string& case_id,
                                          const DicomOptions& options) {
  const Plan plan = dicom::MakePlan(folder, case_id, options, /*with_voxels=*/false);
  RequireNoFaults(plan, case_id);
  std::vector<StationOutline> outlines;
  for (const Choice& c : plan.choices) {
    if (c.used) outlines.push_back({c.stack.grid, ModalityOf(c), BValueOf(c)});
  }
  NumberStations(outlines);
  return outlines;
}

std::vector<DicomVolume> ReadDicomVolumes(const fs::path& folder,
                                          const std::string& case_id,
                                          const DicomOptions& options) {
  const Plan plan = dicom::MakePlan(folder, case_id, options, /*with_voxels=*/true);
  RequireNoFaults(plan, case_id);
  RequireAnyUsed(plan, case_id);
  return ReadPlan(plan, options);
}

StationSet ReadDicomStations(const fs::path& folder,
                             const std::string& case_id,
                             const DicomOptions& options) {
  const Plan plan = dicom::MakePlan(folder, case_id, options, /*with_voxels=*/true);
  RequireNoFaults(plan, case_id);
  RequireAnyUsed(plan, case_id);
  StationSet set{.case_id = case_id};
  std::vector<DicomVolume> volumes = ReadPlan(plan, options);
  while (!volumes.empty()) {
    const DicomVolume mean = TakeMean(volumes, case_id);
    set.stations.push_back({.image = Reorient(mean.image, "LPS"),
                            .modality = mean.modality,
                            .b_s_per_mm2 = mean.b_s_per_mm2,
                            .sequence = mean.sequence});
  }
  NumberStations(set.stations);
  RequireSharedGrids(set);
  set.notices = dicom::NoticesOf(plan);
  set.input_sha256 = HashOfContents(folder);
  return set;
}

}  // namespace sap::preprocess
