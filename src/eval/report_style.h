// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sap::eval {

// Wide tables and pictures scroll inside their boxes on a narrow screen; on paper they shrink and
// are not cut.
inline constexpr const char* kReportStyle = R"css(
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0 auto;max-width:74rem;padding:1.5rem 1.25rem 4rem;background:#fff;color:#1f2328;
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
h1{font-size:1.9rem;line-height:1.2;margin:.25rem 0 1rem}
h2{font-size:1.35rem;line-height:1.25;margin:2.75rem 0 .75rem;padding-top:1rem;
border-top:1px solid #d0d7de}
h3{font-size:1rem;margin:1.5rem 0 .5rem}
p,li{max-width:46rem}
p{margin:.5rem 0 .75rem}
.note{color:#57606a}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.3rem 1.5rem;
margin:0 0 1.25rem}
.facts dt{color:#57606a}
.facts dd{margin:0;overflow-wrap:anywhere;max-width:46rem}
nav{background:#f6f8fa;border-radius:6px;padding:.75rem 1.25rem;margin:1.25rem 0}
nav ol{margin:0;padding-left:1.25rem;columns:18rem;column-gap:2.5rem}
a{color:#0550ae}
.scroll{overflow-x:auto;margin:.75rem 0 1.25rem}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .45rem;border-bottom:1px solid #d8dee4;text-align:left;vertical-align:top}
th{border-bottom:2px solid #57606a;vertical-align:bottom;font-weight:600}
td:first-child,th:first-child{padding-left:.2rem}
.num{text-align:right}
td.num{white-space:nowrap}
td.two{white-space:normal}
.two span{white-space:nowrap}
tbody tr:hover{background:#f6f8fa}
.row{display:flex;flex-wrap:wrap;gap:1rem 1.5rem;margin:.75rem 0 1.25rem}
figure{margin:0;min-width:0;max-width:100%}
figure .scroll{margin:0}
figure img{display:block;max-width:max(100%,28rem);height:auto}
figcaption{font-size:.85rem;color:#57606a;max-width:46rem;padding-top:.35rem}
figcaption b{color:#1f2328}
details{margin:.75rem 0}
summary{cursor:pointer}
pre{background:#f6f8fa;border-radius:6px;padding:1rem;overflow:auto;font-size:.8rem;
line-height:1.4}
@media (max-width:40rem){body{padding:1rem .9rem 3rem;font-size:15px}h1{font-size:1.5rem}
.facts{grid-template-columns:minmax(0,1fr);gap:0}.facts dd{margin-bottom:.5rem}}
@media print{@page{margin:14mm}
body{max-width:none;padding:0;font-size:9.5pt;color:#000}
h2{margin-top:1.5rem;font-size:1.2rem}
nav,figure,tr,dl,li{break-inside:avoid}
h1,h2,h3,.note{break-after:avoid}
.fresh{break-before:page}
.scroll{overflow:visible}
thead{display:table-header-group}
table{font-size:7.5pt;width:100%}
th,td{padding:.15rem .25rem}
td.num{white-space:normal}
.row{display:block}
.row figure{margin-bottom:.75rem;width:auto!important}
.small{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:.5rem}
h3+.small{break-inside:avoid}
figure img{max-width:100%;height:auto}
a{color:inherit;text-decoration:none}}
)css";

}  // namespace sap::eval
