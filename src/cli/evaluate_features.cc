// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_features.h"

#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/evaluate_figures.h"
#include "cli/evaluate_methods.h"
#include "cli/feature_file.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/progress.h"
#include "sap/eval/published.h"

namespace sap::cli {
namespace {

using nlohmann::json;

// The results' table has the name of the table that is read.
void RequireOtherFolder(const EvaluateOptions& options, const std::string& name) {
  std::error_code absent;
  SAP_REQUIRE(
      ErrorKind::kOption,
      !fs::equivalent(options.features.at(name), options.output_dir, absent),
      "output_dir is the folder of features.{}, whose {} would be overwritten; name another",
      name,
      kFeatureTableFile);
}

std::vector<FeatureFile> ReadAll(const EvaluateOptions& options) {
  std::vector<FeatureFile> files;
  for (const auto& [name, folder] : options.features) {
    SAP_REQUIRE(ErrorKind::kOption,
                IsMethodName(name),
                "features: '{}' is no name for a method; it becomes part of a file name",
                name);
    RequireOtherFolder(options, name);
    files.push_back(ReadFeatureFile(name, folder));
  }
  return files;
}

std::vector<eval::FeatureStudy> StudyAll(const EvaluateOptions& options,
                                         const std::vector<FeatureFile>& files) {
  std::vector<eval::FeatureStudy> studies;
  Progress progress("features", std::ssize(files));
  for (const FeatureFile& file : files) {
    studies.push_back(eval::StudyFeatures(file.set, options.feature_study));
    progress.Advance(1, file.set.name);
  }
  progress.Finish();
  return studies;
}

json StudyJson(const EvaluateOptions& options,
               const std::vector<FeatureFile>& files,
               const std::vector<eval::FeatureStudy>& studies,
               const eval::PublishedClustersOf& published) {
  json result = {{"methods", eval::FeaturesJson(studies, published)},
                 {"options",
                  {{"tsne_perplexity", options.feature_study.tsne.perplexity},
                   {"tsne_iterations", options.feature_study.tsne.iterations},
                   {"probe_folds", options.feature_study.probe.folds},
                   {"probe_c", options.feature_study.probe.c}}}};
  for (std::size_t m = 0; m < files.size(); ++m) {
    result["methods"][studies[m].name]["model"] = files[m].model;
  }
  return result;
}

}  // namespace

int EvaluateFeatures(const EvaluateOptions& options,
                     const json& record,
                     const AppContext& context) {
  eval::PublishedClustersOf published;
  eval::PublishedValues all_published;
  if (options.published_values) {
    const ConfigNode root = ParseConfigFile(*options.published_values);
    published = eval::ReadPublishedClusters(root);
    all_published = eval::ReadPublishedValues(root);
  }
  const std::vector<FeatureFile> files = ReadAll(options);
  if (context.dry_run) {
    for (const FeatureFile& file : files) {
      std::cout << fmt::format("{}: {} vectors of {} would be compared\n",
                               file.set.name,
                               file.origins.size(),
                               file.model);
    }
    return 0;
  }
  const std::vector<eval::FeatureStudy> studies = StudyAll(options, files);
  const fs::path folder = options.output_dir;
  CreateFolder(folder);
  for (std::size_t m = 0; m < files.size(); ++m) {
    WriteFileAtomically(folder / fmt::format("tsne_{}.csv", studies[m].name),
                        eval::VectorsCsv(studies[m], files[m].origin_header, files[m].origins));
  }
  const std::string table = eval::FeaturesMarkdown(studies, published);
  json summary = StudyJson(options, files, studies, published);
  summary.update(record);
  WriteFileAtomically(folder / "features.csv", eval::FeaturesCsv(studies, published));
  WriteFileAtomically(folder / "features.md", table);
  WriteFileAtomically(folder / "features.json", summary.dump(2) + "\n");
  std::vector<eval::ReportSection> sections = eval::FeatureSections(studies, published);
  if (options.figures) DrawFigures(folder / "figures", sections);
  const eval::Reproductions reproduced = eval::ReproducedValues(studies);
  for (eval::ReportSection& section :
       eval::PublishedSections(all_published, reproduced, eval::PublishedTables::kTouched)) {
    sections.push_back(std::move(section));
  }
  EraseEmpty(sections);
  WriteFileAtomically(folder / "report.html",
                      eval::ReportHtml(eval::FeatureReportHead(studies), sections, summary));
  if (context.json) {
    std::cout << summary.dump(2) << "\n";
  } else if (!context.quiet) {
    std::cout << table;
  }
  return 0;
}

}  // namespace sap::cli
