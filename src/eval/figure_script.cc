// SPDX-License-Identifier: Apache-2.0
#include "eval/figure_script.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sap::eval {
namespace {

constexpr int kKeyRowPx = 20;
constexpr int kFontPx = 13;
constexpr double kCmPerPx = 2.54 / 96.0;
constexpr double kPointsPerPx = 72.0 / 96.0;

}  // namespace

std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::string QuotedLines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : ".\"\\n\".") + Quoted(line);
  return text;
}

std::vector<std::string> Wrapped(const std::string& name, std::size_t width) {
  std::vector<std::string> lines;
  std::string rest = name;
  while (rest.size() > width) {
    const std::size_t separator = rest.find_last_of("_- .", width - 1);
    const bool found = separator != std::string::npos && separator > 0;
    std::size_t length = found ? separator + 1 : width;
    // A character of several bytes stays whole.
    while (!found && length < rest.size() && (rest[length] & 0xC0) == 0x80) ++length;
    lines.push_back(rest.substr(0, length));
    rest.erase(0, length);
  }
  if (!rest.empty() || lines.empty()) lines.push_back(rest);
  return lines;
}

std::string MethodColour(std::size_t m) {
  static constexpr std::array kColours = {
      "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"};
  return kColours[m % kColours.size()];
}

int MethodPoint(std::size_t m) {
  static constexpr std::array kPoints = {7, 9, 5, 13, 11, 6, 8};
  return kPoints[m % kPoints.size()];
}

std::string PlotOf(const std::vector<std::string>& drawings) {
  return fmt::format("plot {}\n", fmt::join(drawings, ", \\\n    "));
}

std::string FigureScript(const std::string& name,
                         int width_px,
                         int height_px,
                         const std::string& body) {
  const std::string svg =
      fmt::format("set terminal svg size {},{} dynamic font 'sans-serif,{}' background 'white'",
                  width_px,
                  height_px,
                  kFontPx);
  const std::string pdf =
      fmt::format("set terminal pdfcairo size {:.2f}cm,{:.2f}cm font 'sans-serif,{:g}'",
                  width_px * kCmPerPx,
                  height_px * kCmPerPx,
                  kFontPx * kPointsPerPx);
  return "set datafile separator ','\n"
         "do for [format in 'svg pdf'] {\n"
         "  if (format eq 'pdf' && strstrt(GPVAL_TERMINALS, 'pdfcairo') == 0) { break }\n"
         "  if (format eq 'svg') {\n    " +
         svg + "\n  } else {\n    " + pdf + "\n  }\n  set output " + Quoted(name + ".") +
         ".format\n  set border lc rgb '#57606a'\n" + body + "  unset output\n}\n";
}

std::string PanelScript(const std::string& name,
                        int panel_width_px,
                        int panel_height_px,
                        const std::string& before,
                        const std::vector<std::string>& panels) {
  const int number = static_cast<int>(panels.size());
  const int columns = std::clamp(number, 1, 3);
  const int rows = std::max(1, (number + columns - 1) / columns);
  std::string body = before + fmt::format("  set multiplot layout {},{}\n", rows, columns);
  for (const std::string& panel : panels) body += panel;
  return FigureScript(
      name, panel_width_px * columns, panel_height_px * rows, body + "  unset multiplot\n");
}

KeyLayout LayoutKey(const std::vector<std::string>& titles, int width_px) {
  std::size_t longest = 0;
  for (const std::string& title : titles) longest = std::max(longest, title.size());
  // A letter takes about 7 pixels, the sample of a line and the gap after it 60, and both axes 100:
  // gnuplot makes one column where it thinks that two do not fit.
  const int columns = 2 * (7 * static_cast<int>(longest) + 60) <= width_px - 100 ? 2 : 1;
  const int rows = (static_cast<int>(titles.size()) + columns - 1) / columns;
  return {.columns = columns, .height_px = kKeyRowPx * (rows + 1) + 10};
}

}  // namespace sap::eval
