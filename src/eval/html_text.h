// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sap::eval {

// Text inside an element or an attribute in double quotes.
std::string EscapedHtml(const std::string& text);
// Pipe tables of sap::Table as scrolling tables, whose columns of numbers stand to the right;
// what lies between them, separated by empty lines, as paragraphs.
std::string HtmlFromMarkdown(const std::string& markdown);
// "data:image/...;base64,..." of an SVG or PNG file.
std::string DataUri(const std::string& bytes);
std::string Base64(const std::string& bytes);

}  // namespace sap::eval
