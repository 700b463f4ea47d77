// SPDX-License-Identifier: Apache-2.0
#include "phantom/stations_dicom.h"

#include <numeric>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "phantom/dicom_writer.h"
#include "sap/core/rng.h"

namespace sap::phantom {
namespace {

constexpr double kPhilipsScale = 4.0;  // stored = 4 * precise value
constexpr int kT1Series = 101, kDwiSeries = 201, kAdcSeries = 901;

class Writer {
 public:
  Writer(std::filesystem::path folder,
         const std::string& case_id,
         Vendor vendor,
         DicomVariant variant,
         uint64_t seed)
      : folder_(std::move(folder)),
        case_id_(case_id),
        vendor_(vendor),
        variant_(variant),
        rng_({.seed = seed, .stream = Stream::kPhantomSignal, .epoch = 2000}) {
    patient_ = {"PHANTOM^" + case_id, case_id, "19000101", "SYNTHETIC"};
  }

  DicomVolume VolumeOf(const ScannedStation& s) {
    DicomVolume volume;
    volume.stored = s.image;
    volume.vendor = vendor_;
    volume.study = case_id_;
    volume.acquired = fmt::format("20260101{:02}{:02}00.0", s.diffusion ? 10 : 9, s.station_idx);
    volume.acquisition_number = s.station_idx + 1;
    if (s.diffusion) {
      volume.description = "DWIBS b0-50-150-1000";
      volume.protocol = "WB DWI";
      volume.series_number = kDwiSeries;
      volume.b_s_per_mm2 = s.b_s_per_mm2;
      volume.ge_offset = s.b_s_per_mm2 > 0;
    } else {
      volume.description = "3D_T1_TSE cor";
      volume.protocol = "WB T1";
      volume.series_number = kT1Series + s.station_idx;
    }
    volume.series = fmt::format("{} {}", case_id_, volume.series_number);
    if (vendor_ == Vendor::kPhilips) {
      volume.stored = s.image.WithData(s.image.data() * static_cast<int>(kPhilipsScale));
      volume.philips_scale = kPhilipsScale;
      volume.slope = 0.5 + 0.25 * s.station_idx;  // display units differ between stations
    }
    if (variant_ == DicomVariant::kMissingSlice && !s.diffusion && s.station_idx == 0) {
      volume.missing_slices = {s.image.geometry().size_vox.z / 2};
    }
    return volume;
  }

  // What the console computes and a reader must leave out.
  DicomVolume DerivedOf(const ScannedStation& s) {
    DicomVolume volume = VolumeOf(s);
    volume.image_type = {"DERIVED", "PRIMARY", "ADC", "NONE"};
    volume.series_number = kAdcSeries;
    volume.series = case_id_ + " adc";
    volume.b_s_per_mm2.reset();
    return volume;
  }

  void Write(const std::vector<DicomVolume>& series) {
    if (variant_ == DicomVariant::kEnhanced) {
      std::size_t count = 0;
      for (const DicomVolume& v : series) {
        count += static_cast<std::size_t>(v.stored.geometry().size_vox.z);
      }
      std::vector<std::size_t> order(count);
      std::iota(order.begin(), order.end(), 0);
      rng_.Shuffle(std::span<std::size_t>(order));
      const auto name = fmt::format("EM{:04}.dcm", series.front().series_number);
      WriteEnhancedDicom(folder_ / name, series, patient_, order);
      return;
    }
    int first = 1;
    const auto sub = folder_ / fmt::format("S{:04}", series.front().series_number);
    for (const DicomVolume& v : series) {
      std::vector<int> numbers(static_cast<std::size_t>(v.stored.geometry().size_vox.z));
      std::iota(numbers.begin(), numbers.end(), first);
      first += static_cast<int>(numbers.size());
      rng_.Shuffle(std::span<int>(numbers));
      WriteDicomSlices(sub, v, patient_, numbers);
    }
  }

 private:
  std::filesystem::path folder_;
  std::string case_id_;
  Vendor vendor_;
  DicomVariant variant_;
  DicomPatient patient_;
  Rng rng_;
};

}  // namespace

void WriteStationsAsDicom(const std::filesystem::path& folder,
                          const std::vector<ScannedStation>& stations,
                          const std::string& case_id,
                          Vendor vendor,
                          DicomVariant variant,
                          uint64_t seed) {
  // Enhanced objects have no room for a vendor's display scale in this writer.
  if (variant == DicomVariant::kEnhanced) vendor = Vendor::kStandard;
  Writer writer(folder, case_id, vendor, variant, seed);
  std::vector<DicomVolume> diffusion, derived;
  for (const ScannedStation& s : stations) {
    if (!s.diffusion) {
      writer.Write({writer.VolumeOf(s)});
      continue;
    }
    diffusion.push_back(writer.VolumeOf(s));
    if (s.b_s_per_mm2 == 0) derived.push_back(writer.DerivedOf(s));
  }
  if (!diffusion.empty()) writer.Write(diffusion);
  if (!derived.empty() && variant != DicomVariant::kEnhanced) writer.Write(derived);
}

}  // namespace sap::phantom
