// SPDX-License-Identifier: Apache-2.0
#include "preprocess/dicom_select.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "preprocess/b_values.h"

namespace sap::preprocess::dicom {
namespace {

constexpr double kRepeatFrac = 0.7;    // shared part of two stations' heights: a repeat
constexpr double kComposedMm = 700.0;  // longer than any scanner's field of view
constexpr double kSamePlaceMm = 1.0;

SeriesText TextOf(const SeriesHeader& header,
                  const std::vector<std::string>& type_words,
                  bool has_b_value) {
  SeriesText text = header.text;
  text.type_words = type_words;
  text.has_b_value = has_b_value;
  return text;
}

struct Extent {
  double low_mm, high_mm;  // z of the stack's first and last slice or corner
  double Length() const { return high_mm - low_mm; }
};

// Height of the grid in the patient: of its corners.
Extent HeightOf(const Geometry& grid) {
  Extent extent{1e300, -1e300};
  for (unsigned corner = 0; corner < 8; ++corner) {
    XyzDouble index_vox;
    for (std::size_t a = 0; a < 3; ++a) {
      index_vox[a] = (corner >> a & 1U) != 0 ? static_cast<double>(grid.size_vox[a]) - 0.5 : -0.5;
    }
    const double z = grid.LpsFromVox(index_vox).z;
    extent = {std::min(extent.low_mm, z), std::max(extent.high_mm, z)};
  }
  return extent;
}

bool SameB(const Stack& a, const Stack& b) {
  const auto &p = a.first().b_s_per_mm2, &q = b.first().b_s_per_mm2;
  if (p.has_value() != q.has_value()) return false;
  return !p || SameBValue(*p, *q);
}

bool SameSlot(const Choice& a, const Choice& b) {
  return a.rule->diffusion == b.rule->diffusion && SameB(a.stack, b.stack);
}

bool SamePlace(const Stack& a, const Stack& b) {
  const Extent p = HeightOf(a.grid), q = HeightOf(b.grid);
  return std::abs(p.low_mm + p.high_mm - q.low_mm - q.high_mm) <= 2 * kSamePlaceMm;
}

bool Later(const Stack& a, const Stack& b) {
  const auto key = [](const Stack& s) {
    return std::tuple(s.header().acquired,
                      s.header().series_number,
                      s.first().acquisition_number,
                      s.header().sop_uid);
  };
  return key(a) > key(b);
}

void Drop(Choice& choice, std::string why) {
  choice.used = false;
  choice.why = std::move(why);
}

// Calls visit(a, b) for all pairs of used choices in the same slot.
void ForPairs(std::vector<Choice>& choices, const std::function<void(Choice&, Choice&)>& visit) {
  for (Choice& a : choices) {
    for (Choice& b : choices) {
      if (&a != &b && a.used && b.used && SameSlot(a, b)) visit(a, b);
    }
  }
}

void NameByRules(Choice& choice, const DicomOptions& options) {
  const Frame& first = choice.stack.first();
  const bool has_b = first.b_s_per_mm2.value_or(0) > 0;
  const SeriesText text = TextOf(choice.stack.header(), first.type_words, has_b);
  const std::string derived = DerivedWord(options.rules, text);
  choice.rule = FirstMatch(options.rules, text);
  if (!derived.empty()) return Drop(choice, fmt::format("derived map ({})", derived));
  if (choice.rule == nullptr) return Drop(choice, "no rule names it; see configs/sequences.yaml");
  if (choice.rule->diffusion && !first.b_s_per_mm2) {
    return Drop(choice, "no b-value in the standard tag or Siemens', GE's or Philips' own");
  }
  if (static_cast<int>(choice.stack.slices.size()) < options.min_slices) {
    // A piece of a broken volume is no scout: its fault must be heard.
    if (choice.stack.fault.empty()) {
      return Drop(choice, fmt::format("fewer than {} slices", options.min_slices));
    }
  }
  choice.used = true;
  choice.why = choice.rule->diffusion ? "diffusion station" : "T1 station";
}

// T1 comes from one sequence: the best that the patient has.
void KeepOneT1(std::vector<Choice>& choices, const SequenceRules& rules) {
  std::string source;
  for (const std::string& name : rules.t1_from) {
    const bool there = std::any_of(choices.begin(), choices.end(), [&](const Choice& c) {
      return c.used && c.rule->name == name;
    });
    if (source.empty() && there) source = name;
  }
  for (Choice& c : choices) {
    if (!c.used || c.rule->diffusion || c.rule->name == source) continue;
    Drop(c,
         source.empty() ? std::string("neither T1 nor diffusion")
                        : fmt::format("T1 is taken from {}", source));
  }
}

bool IsIsotropic(const Choice& c) {
  return c.stack.first().directionality == Directionality::kIsotropic;
}

}  // namespace

const SequenceRule* RuleOf(const SequenceRules& rules,
                           const SeriesHeader& header,
                           const std::vector<std::string>& type_words,
                           bool has_b_value) {
  const SeriesText text = TextOf(header, type_words, has_b_value);
  return DerivedWord(rules, text).empty() ? FirstMatch(rules, text) : nullptr;
}

std::vector<Choice> Choose(std::vector<Stack> stacks, const DicomOptions& options) {
  std::vector<Choice> choices;
  for (Stack& stack : stacks) {
    Choice choice{.stack = std::move(stack)};
    NameByRules(choice, options);
    choices.push_back(std::move(choice));
  }
  KeepOneT1(choices, options.rules);
  ForPairs(choices, [](Choice& a, Choice& b) {
    if (HeightOf(a.stack.grid).Length() > kComposedMm &&
        HeightOf(b.stack.grid).Length() <= kComposedMm) {
      Drop(a, "composed by the console; its stations are there too");
    }
  });
  ForPairs(choices, [](Choice& a, Choice& b) {
    const bool weighted = a.stack.first().b_s_per_mm2.value_or(0) >= 1;
    if (weighted && IsIsotropic(a) && !IsIsotropic(b) && SamePlace(a.stack, b.stack)) {
      Drop(b, "one direction; the trace image is there too");
    }
  });
  ForPairs(choices, [](Choice& a, Choice& b) {
    const Extent p = HeightOf(a.stack.grid), q = HeightOf(b.stack.grid);
    const double shared_mm = std::min(p.high_mm, q.high_mm) - std::max(p.low_mm, q.low_mm);
    const bool repeat = shared_mm >= kRepeatFrac * std::min(p.Length(), q.Length());
    // Within one series, copies of a diffusion volume are directions or averages, all wanted.
    const bool same_series = a.stack.header().series_uid == b.stack.header().series_uid;
    if (repeat && !(same_series && a.rule->diffusion) && Later(b.stack, a.stack)) {
      Drop(a, "acquired again later");
    }
  });
  return choices;
}

}  // namespace sap::preprocess::dicom
