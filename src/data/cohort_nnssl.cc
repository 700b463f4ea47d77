// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "data/cohort_layouts.h"
#include "sap/core/error.h"
#include "sap/core/log.h"

// nnssl's pretrain_data.json: datasets > subjects > sessions, objects keyed by id, and in a session
// a list of images with name, image_path, modality and associated_masks.
namespace sap::data {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

// A collection of a hundred thousand images, about a kilobyte each, must fit.
constexpr std::size_t kMaxJsonBytes = std::size_t{1} << 30;

struct NnsslImage {
  std::string name;
  std::string path;
  std::string modality;
  std::string anatomy_mask;  // empty: none
};

struct NnsslSession {
  std::string id;  // of a case
  std::string subject;
  std::string dataset;
  std::vector<NnsslImage> images;
};

std::string TextOf(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// A fault or nothing. Nothing is thrown, so that all sessions' faults come together.
std::optional<std::string> ReadImage(const json& entry,
                                     std::size_t idx,
                                     std::vector<NnsslImage>& images) {
  if (!entry.is_object()) return fmt::format("image {} is no object", idx);
  NnsslImage image{.name = TextOf(entry, "name"),
                   .path = TextOf(entry, "image_path"),
                   .modality = TextOf(entry, "modality")};
  if (image.name.empty()) image.name = fs::path(image.path).filename().string();
  if (image.path.empty() || image.modality.empty()) {
    return fmt::format("image {} has no {}",
                       image.name.empty() ? std::to_string(idx) : image.name,
                       image.path.empty() ? "image_path" : "modality");
  }
  const auto masks = entry.find("associated_masks");
  if (masks != entry.end() && masks->is_object()) {
    image.anatomy_mask = TextOf(*masks, "anatomy_mask");
  }
  images.push_back(std::move(image));
  return std::nullopt;
}

// Walks the objects of one level: visit(id, child) for each, a fault where the level is missing.
template <typename Visit>
void ForEachChild(const json& parent,
                  const char* level,
                  const std::string& where,
                  std::vector<std::string>& faults,
                  const Visit& visit) {
  const auto found = parent.is_object() ? parent.find(level) : parent.end();
  if (found == parent.end() || !found->is_object()) {
    faults.push_back(
        fmt::format("{}: has no object {}; nnssl writes one keyed by id", where, level));
    return;
  }
  for (const auto& [id, child] : found->items()) visit(id, child);
}

NnsslSession ReadSession(const json& entry,
                         NnsslSession session,
                         std::vector<std::string>& faults) {
  const auto images = entry.is_object() ? entry.find("images") : entry.end();
  if (images == entry.end() || !images->is_array()) {
    faults.push_back(session.id + ": has no list of images");
    return session;
  }
  for (std::size_t i = 0; i < images->size(); ++i) {
    const auto fault = ReadImage((*images)[i], i, session.images);
    if (fault) faults.push_back(session.id + ": " + *fault);
  }
  return session;
}

// Subject ids are unique within a dataset only, so a dataset's key is part of every id.
std::vector<NnsslSession> ReadSessions(const json& collection,
                                       const std::string& file,
                                       std::vector<std::string>& faults) {
  std::vector<NnsslSession> sessions;
  ForEachChild(collection, "datasets", file, faults, [&](const auto& dataset_id, const json& d) {
    ForEachChild(d, "subjects", dataset_id, faults, [&](const auto& subject_id, const json& s) {
      const std::string subject = dataset_id + "__" + subject_id;
      ForEachChild(s, "sessions", subject, faults, [&](const auto& session_id, const json& entry) {
        NnsslSession session{
            .id = subject + "__" + session_id, .subject = subject, .dataset = dataset_id};
        sessions.push_back(ReadSession(entry, std::move(session), faults));
      });
    });
  });
  return sessions;
}

std::vector<const NnsslImage*> ImagesOf(const NnsslSession& session, const std::string& modality) {
  std::vector<const NnsslImage*> images;
  for (const NnsslImage& image : session.images) {
    if (Lower(image.modality) == Lower(modality)) images.push_back(&image);
  }
  return images;
}

std::string Names(const std::vector<const NnsslImage*>& images) {
  std::vector<std::string> names;
  for (const NnsslImage* image : images) names.push_back(image->name);
  return fmt::format("{}", fmt::join(names, ", "));
}

void RequireModalities(const std::vector<NnsslSession>& sessions,
                       const std::vector<std::string>& wanted,
                       const std::string& file) {
  std::map<std::string, int64_t> count;
  for (const NnsslSession& session : sessions) {
    for (const NnsslImage& image : session.images) ++count[image.modality];
  }
  std::vector<std::string> there;
  for (const auto& [modality, n] : count) there.push_back(fmt::format("{} ({})", modality, n));
  for (const std::string& modality : wanted) {
    SAP_REQUIRE(ErrorKind::kInput,
                std::any_of(count.begin(),
                            count.end(),
                            [&](const auto& one) { return Lower(one.first) == Lower(modality); }),
                "{}: no image has the modality {}; the modalities are {}; set data.modalities to "
                "those names",
                file,
                modality,
                there.empty() ? "none" : fmt::format("{}", fmt::join(there, ", ")));
  }
}

// "$NAME/rest" stands for an environment variable of the machine that wrote the file. Here the
// config names such folders (data.path_roots), and nnssl_raw is known: the file lies in a dataset's
// folder there. Other paths are absolute, or lie beside the file.
class PathResolver {
 public:
  PathResolver(const fs::path& file, std::map<std::string, std::string> roots)
      : folder_(fs::absolute(file).parent_path()), roots_(std::move(roots)) {
    roots_.emplace("nnssl_raw", folder_.parent_path().string());
  }

  fs::path Resolve(const std::string& path) const {
    if (!path.starts_with('$')) return folder_ / path;
    const std::size_t slash = std::min(path.find('/'), path.size());
    return fs::path(roots_.at(path.substr(1, slash - 1))) /
           path.substr(std::min(slash + 1, path.size()));
  }

  // kOption when a path of a wanted image starts with a name that has no folder.
  void RequireRoots(const std::vector<NnsslSession>& sessions,
                    const std::vector<std::string>& wanted) const {
    std::set<std::string> unknown;
    const auto look_at = [&](const std::string& path) {
      const std::string name = path.substr(0, path.find('/'));
      if (name.starts_with('$') && !roots_.contains(name.substr(1))) unknown.insert(name);
    };
    for (const NnsslSession& session : sessions) {
      for (const std::string& modality : wanted) {
        for (const NnsslImage* image : ImagesOf(session, modality)) {
          look_at(image->path);
          look_at(image->anatomy_mask);
        }
      }
    }
    SAP_REQUIRE(ErrorKind::kOption,
                unknown.empty(),
                "data.path_roots: paths start with {}, for which no folder is named; write "
                "path_roots: {{NAME: FOLDER}}, without the $",
                fmt::join(unknown, ", "));
  }

 private:
  fs::path folder_;
  std::map<std::string, std::string> roots_;
};

FoundCase CaseOf(const NnsslSession& session,
                 std::string id,
                 const std::vector<const NnsslImage*>& channels,
                 const PathResolver& paths) {
  FoundCase one;
  one.record.id = std::move(id);
  one.record.subject = session.subject;
  one.record.site = session.dataset;
  const auto add = [&](const std::string& path, const char* what, const auto& use) {
    const fs::path file = paths.Resolve(path);
    if (fs::is_regular_file(file)) return use(file);
    one.faults.push_back(
        fmt::format("{}: the {} {} is missing", one.record.id, what, file.filename().string()));
  };
  for (const NnsslImage* image : channels) {
    add(image->path, "image", [&](const fs::path& file) { one.record.images.push_back(file); });
    if (image->anatomy_mask.empty() || one.record.body) continue;
    add(image->anatomy_mask, "anatomy_mask", [&](const fs::path& file) { one.record.body = file; });
  }
  return one;
}

// One modality: every image is a case of its own, as nnssl has it.
void AddImages(const NnsslSession& session,
               const std::string& modality,
               const PathResolver& paths,
               FoundCases& found) {
  for (const NnsslImage* image : ImagesOf(session, modality)) {
    const std::string name = VolumeStem(image->name).value_or(image->name);
    found.cases.push_back(CaseOf(session, session.id + "__" + name, {image}, paths));
  }
}

// Several: a session is a case, with one image of each.
void AddSession(const NnsslSession& session,
                const std::vector<std::string>& modalities,
                const PathResolver& paths,
                FoundCases& found) {
  std::vector<const NnsslImage*> channels;
  std::vector<std::string> faults;
  std::size_t num_images = 0;
  for (const std::string& modality : modalities) {
    const std::vector<const NnsslImage*> images = ImagesOf(session, modality);
    num_images += images.size();
    if (images.size() == 1) {
      channels.push_back(images[0]);
    } else if (images.empty()) {
      faults.push_back(fmt::format("{}: no image of modality {}", session.id, modality));
    } else {
      faults.push_back(fmt::format("{}: {} images of modality {} ({}); keep one in the file",
                                   session.id,
                                   images.size(),
                                   modality,
                                   Names(images)));
    }
  }
  if (num_images == 0) return;  // another kind of exam
  found.cases.push_back(CaseOf(session, session.id, channels, paths));
  auto& all = found.cases.back().faults;
  all.insert(all.begin(), faults.begin(), faults.end());
}

}  // namespace

FoundCases FindNnsslCases(const CohortOptions& options) {
  fs::path file = options.path;
  if (fs::is_directory(file)) file /= kNnsslFile;
  const std::string name = file.filename().string();
  SAP_REQUIRE(ErrorKind::kInput, fs::exists(file), "data.path: holds no {}", name);
  SAP_REQUIRE(ErrorKind::kOption,
              !options.require_labels,
              "data.require_labels: {} has no label maps; set it to false, or take another layout "
              "to train on labels",
              name);
  FoundCases found;
  const std::vector<NnsslSession> sessions =
      ReadSessions(ReadJsonFile(file, kMaxJsonBytes), name, found.faults);
  if (sessions.empty() && !found.faults.empty()) return found;  // those faults say why
  RequireModalities(sessions, options.modalities, name);
  const PathResolver paths(file, options.path_roots);
  paths.RequireRoots(sessions, options.modalities);
  std::size_t num_left_out = 0;
  for (const NnsslSession& session : sessions) {
    const std::size_t before = found.cases.size();
    if (options.modalities.size() == 1) {
      AddImages(session, options.modalities[0], paths, found);
    } else {
      AddSession(session, options.modalities, paths, found);
    }
    if (found.cases.size() == before) ++num_left_out;
  }
  if (num_left_out > 0) {
    log::Info("{}: {} of {} sessions have no image of {} and are left out",
              name,
              num_left_out,
              sessions.size(),
              fmt::join(options.modalities, ", "));
  }
  return found;
}

}  // namespace sap::data
