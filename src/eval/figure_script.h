// SPDX-License-Identifier: Apache-2.0
// Parts that all gnuplot scripts share.
#pragma once

#include <string>
#include <vector>

namespace sap::eval {

// gnuplot's single-quoted text: a quote is doubled.
std::string Quoted(const std::string& text);
// Lines of text as one gnuplot expression. They are joined outside the quotes, because gnuplot
// executes what stands between back quotes in double-quoted text.
std::string QuotedLines(const std::vector<std::string>& lines);
// A long name in lines of at most about `width` characters, broken at its separators.
std::vector<std::string> Wrapped(const std::string& name, std::size_t width);

// The m-th method's colour ("#0072B2") and point. The colours are those of Okabe and Ito without
// yellow, told apart by every eye; with a point of its own each method is known in grey too.
std::string MethodColour(std::size_t m);
int MethodPoint(std::size_t m);
inline constexpr const char* kVermilion = "#D55E00";
inline constexpr const char* kBlue = "#0072B2";

// "plot a, b": one drawing on each line.
std::string PlotOf(const std::vector<std::string>& drawings);

// A script that draws `body` twice: NAME.svg, and NAME.pdf where gnuplot can write PDF.
std::string FigureScript(const std::string& name,
                         int width_px,
                         int height_px,
                         const std::string& body);

// What panels of one method each share: edge [pixels], letters in a line of their title, axes, key.
inline constexpr int kPanelPx = 330;
inline constexpr std::size_t kPanelTitleWidth = 34;
inline constexpr const char* kPanelStyle =
    "  set border 3\n  set xtics nomirror\n  set ytics nomirror\n"
    "  set grid lt 1 lc rgb '#e4e7eb'\n";
inline constexpr const char* kPanelKey = "  set key below noenhanced samplen 2 height 1";

// Panels side by side, in rows of at most three, under one script.
std::string PanelScript(const std::string& name,
                        int panel_width_px,
                        int panel_height_px,
                        const std::string& before,
                        const std::vector<std::string>& panels);

// Rows that a key below the plot needs, and whether its texts fit beside each other.
struct KeyLayout {
  int columns = 1;
  int height_px = 0;
};
KeyLayout LayoutKey(const std::vector<std::string>& titles, int width_px);

}  // namespace sap::eval
