// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sap/core/axes.h"
#include "sap/image/geometry.h"

namespace sap::matrix3 {

XyzDouble Times(const Matrix3& m, const XyzDouble& v);
Matrix3 Product(const Matrix3& a, const Matrix3& b);
Matrix3 Transposed(const Matrix3& m);
double Determinant(const Matrix3& m);
Matrix3 Inverse(const Matrix3& m);  // SAP_CHECK: not singular

// The rotation (or rotoinversion) nearest to m in the Frobenius norm: the orthogonal factor of the
// polar decomposition, by Newton's iteration (Higham 1986). m must not be singular.
Matrix3 NearestOrthonormal(const Matrix3& m);

// Largest |dot product| between two different columns of unit length; 0 for orthogonal axes.
double LargestCosine(const Matrix3& m);

}  // namespace sap::matrix3
