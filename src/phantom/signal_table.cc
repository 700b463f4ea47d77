// SPDX-License-Identifier: Apache-2.0
#include "phantom/signal_table.h"

#include <algorithm>

namespace sap::phantom {
namespace {

constexpr double kSkinMm = 2.0;

struct Row {
  Tissue tissue;
  TissueSignal signal;
};
// T1 and b1000 of soft tissue, in the order of brightness seen in whole-body protocols.
constexpr Row kSoftTissue[] = {
    {kAir, {0.00F, 0.00F}},         {kMuscle, {0.30F, 0.085F}},     {kStomach, {0.24F, 0.13F}},
    {kLiver, {0.42F, 0.13F}},       {kPancreas, {0.42F, 0.20F}},    {kBowel, {0.30F, 0.20F}},
    {kBlood, {0.16F, 0.035F}},      {kLung, {0.055F, 0.02F}},       {kBladder, {0.15F, 0.14F}},
    {kProstate, {0.30F, 0.62F}},    {kKidney, {0.36F, 0.56F}},      {kSpleen, {0.30F, 0.90F}},
    {kGreyMatter, {0.34F, 0.92F}},  {kWhiteMatter, {0.46F, 0.80F}}, {kCord, {0.40F, 0.60F}},
    {kTrachea, {0.01F, 0.00F}},     {kDisc, {0.24F, 0.12F}},        {kFat, {1.00F, 0.045F}},
    {kConnective, {0.74F, 0.060F}}, {kSkin, {0.50F, 0.05F}},        {kFluid, {0.12F, 0.05F}},
};
constexpr TissueSignal kCorticalBone{0.09F, 0.02F};

}  // namespace

double MarrowFatFrac(int region, double age_years) {
  const double age = std::clamp((age_years - 30.0) / 60.0, 0.0, 1.0);
  switch (region) {
    case 1:
    case 2:
    case 3:
      return 0.32 + 0.26 * age;
    case 4:
      return 0.42 + 0.26 * age;
    case 9:
      return 0.42 + 0.22 * age;
    case 7:
    case 8:
      return 0.58 + 0.22 * age;
    case 10:
      return 0.50 + 0.20 * age;
    default:  // long bones
      return 0.72 + 0.18 * age;
  }
}

std::vector<SignalTable> MakeSignalTables(double age_years, bool male) {
  SignalTable table{};
  for (const Row& row : kSoftTissue) table[row.tissue] = row.signal;
  // Without a prostate the same place holds connective tissue; the atlas has one body only.
  if (!male) table[kProstate] = table[kConnective];
  for (int region = 1; region <= kOtherBone; ++region) {
    const auto fat = static_cast<float>(MarrowFatFrac(region, age_years));
    const auto i = static_cast<std::size_t>(region);
    table[i] = {0.34F + 0.52F * fat, 0.055F + 0.19F * (1 - fat)};
    table[kCortex + i] = kCorticalBone;
  }
  std::vector<SignalTable> tables;
  for (int fat_mm = 0; fat_mm <= kLargestExtraFatMm; ++fat_mm) {
    SignalTable fatter = table;
    if (fat_mm > 0) fatter[kSkin] = table[kFat];
    for (int d = 0; d <= kFarOutside - kOutside; ++d) {
      const auto i = static_cast<std::size_t>(kOutside + d);
      if (d <= fat_mm) fatter[i] = d > fat_mm - kSkinMm ? table[kSkin] : table[kFat];
      if (fat_mm == 0) fatter[i] = table[kAir];
    }
    tables.push_back(fatter);
  }
  return tables;
}

}  // namespace sap::phantom
