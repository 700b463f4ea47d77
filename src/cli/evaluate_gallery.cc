// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_gallery.h"

#include <map>

#include <ATen/ATen.h>

#include "cli/evaluate_cases.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/tables.h"
#include "sap/eval/gallery.h"
#include "sap/image/volume_io.h"

namespace sap::cli {
namespace {

using eval::GalleryItem;
using eval::GalleryKind;

std::string ItemTitle(const GalleryItem& item, const std::string& method, const std::string& id) {
  const std::string lesion =
      fmt::format("{}, lesion {}, {:.2f} mL", id, item.idx + 1, item.volume_ml);
  switch (item.kind) {
    case GalleryKind::kPercentile:
      return fmt::format("{}th percentile of {}'s Dice: {}", item.percentile, method, lesion);
    case GalleryKind::kMissed:
      return fmt::format("Missed by {}: {}", method, lesion);
    case GalleryKind::kFalsePositive:
      return fmt::format("False positive of {}: {}, {:.2f} mL", method, id, item.volume_ml);
  }
  return lesion;
}

// What a method made of the item's lesion. References and rules are the same for all methods, so
// lesions have the same numbers; a false positive is a place of one method alone.
std::string Outcome(const GalleryItem& item, const eval::CaseLesions& one, bool chooser) {
  if (item.kind == GalleryKind::kFalsePositive) {
    return chooser ? fmt::format("score {:.2f}", one.match.candidates[item.idx].score) : "";
  }
  SAP_CHECK(item.idx < one.match.lesions.size());
  const eval::ReferenceLesion& lesion = one.match.lesions[item.idx];
  return lesion.detected() ? fmt::format("Dice {:.2f}", lesion.PairDice()) : "missed";
}

Volume Mask(const Tensor& mask_XYZ, const Geometry& grid) {
  return {mask_XYZ.to(at::kByte).contiguous(), grid};
}

struct GalleryWriter {
  const EvaluateOptions& options;
  const std::vector<MethodPairs>& methods;
  const std::vector<eval::LesionSummary>& summaries;
  const fs::path& folder;
  std::size_t chooser = 0;
  bool images_missing = false;
  Table table{{"file", "case", "kind", "method", "volume_ml", "outcome"}};

  // Pictures of all items of one exam and method; the exam is read once.
  void Draw(std::size_t case_idx,
            std::size_t m,
            const std::vector<std::size_t>& item_idxs,
            const std::vector<GalleryItem>& items,
            std::vector<eval::PictureRow>& rows) {
    const CasePair& pair = methods[m].pairs[case_idx];
    const Geometry grid = ReadGeometry(pair.reference);
    const eval::CaseInput input = LoadLesionCase(pair);
    eval::GalleryExam exam{
        .reference = Mask(input.reference_XYZ != 0, grid),
        .prediction = Mask(input.probability_XYZ >= summaries[m].threshold, grid)};
    for (const fs::path& path : FindImages(options, pair.id)) {
      exam.images.push_back(ReadVolume(path));
    }
    if (exam.images.empty()) {
      images_missing = true;
      exam.images.emplace_back(input.probability_XYZ.to(at::kFloat).contiguous(), grid);
    }
    for (const std::size_t i : item_idxs) {
      const GalleryItem& item = items[i];
      const std::string file = fmt::format("gallery_{}_{}.png", item.name, m + 1);
      const std::string bytes = eval::GalleryPng(exam, eval::ViewOf(item, grid));
      WriteFileAtomically(folder / file, bytes);
      const std::string outcome = Outcome(item, summaries[m].cases[case_idx], m == chooser);
      rows[i].pictures[m] = {.title = methods[m].name, .caption = outcome, .bytes = bytes};
      table.AddRow({file,
                    pair.id,
                    item.name,
                    methods[m].name,
                    fmt::format("{:.4f}", item.volume_ml),
                    outcome});
    }
  }
};

}  // namespace

std::size_t GalleryMethod(const EvaluateOptions& options, const std::vector<MethodPairs>& methods) {
  for (std::size_t m = 0; m < methods.size(); ++m) {
    if (methods[m].name == options.gallery_method.value_or("sap")) return m;
  }
  SAP_REQUIRE(ErrorKind::kOption,
              !options.gallery_method,
              "gallery_method: {} is no method of this run; name one of `methods`",
              options.gallery_method.value_or(""));
  return methods.size() - 1;
}

eval::ReportSection DrawGallery(const EvaluateOptions& options,
                                const std::vector<MethodPairs>& methods,
                                const std::vector<eval::LesionSummary>& summaries,
                                const fs::path& folder) {
  GalleryWriter writer{.options = options,
                       .methods = methods,
                       .summaries = summaries,
                       .folder = folder,
                       .chooser = GalleryMethod(options, methods)};
  const std::vector<GalleryItem> items =
      eval::ChooseGallery(summaries[writer.chooser], options.gallery_lesions);
  if (items.empty()) return {};
  CreateFolder(folder);
  std::map<std::size_t, std::vector<std::size_t>> items_of_case;
  std::vector<eval::PictureRow> rows;
  for (std::size_t i = 0; i < items.size(); ++i) {
    items_of_case[items[i].case_idx].push_back(i);
    const std::string& id = summaries[writer.chooser].cases[items[i].case_idx].id;
    rows.push_back({.title = ItemTitle(items[i], methods[writer.chooser].name, id)});
    rows.back().pictures.resize(methods.size());
  }
  for (const auto& [case_idx, idxs] : items_of_case) {
    for (std::size_t m = 0; m < methods.size(); ++m) writer.Draw(case_idx, m, idxs, items, rows);
  }
  WriteFileAtomically(folder / "gallery.csv", writer.table.Csv());
  return {.title = "Lesions to look at",
          .note = fmt::format(
              "Chosen by {}: detected lesions at the 25th, 50th and 75th percentile of Dice, the "
              "largest missed lesions and the largest false positives. Orange: reference; blue: "
              "prediction. Coronal above axial; the patient's left is on the right.{}",
              methods[writer.chooser].name,
              writer.images_missing
                  ? " Where no image was found, the probability map is shown (0 black)."
                  : fmt::format(" From left to right: {}.", fmt::join(options.image_names, ", "))),
          .rows = std::move(rows)};
}

}  // namespace sap::cli
