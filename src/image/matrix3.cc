// SPDX-License-Identifier: Apache-2.0
#include "image/matrix3.h"

#include <algorithm>
#include <cmath>

#include "sap/core/error.h"

namespace sap::matrix3 {

XyzDouble Times(const Matrix3& m, const XyzDouble& v) {
  XyzDouble result;
  for (std::size_t r = 0; r < 3; ++r) result[r] = m[r][0] * v.x + m[r][1] * v.y + m[r][2] * v.z;
  return result;
}

Matrix3 Product(const Matrix3& a, const Matrix3& b) {
  Matrix3 result{};
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) {
      result[r][c] = a[r][0] * b[0][c] + a[r][1] * b[1][c] + a[r][2] * b[2][c];
    }
  }
  return result;
}

Matrix3 Transposed(const Matrix3& m) {
  Matrix3 result{};
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) result[r][c] = m[c][r];
  }
  return result;
}

double Determinant(const Matrix3& m) {
  return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
         m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
         m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

Matrix3 Inverse(const Matrix3& m) {
  const double determinant = Determinant(m);
  SAP_CHECK(determinant != 0.0 && std::isfinite(determinant), "a singular matrix");
  Matrix3 result{};
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) {
      const std::size_t r1 = (c + 1) % 3;
      const std::size_t r2 = (c + 2) % 3;
      const std::size_t c1 = (r + 1) % 3;
      const std::size_t c2 = (r + 2) % 3;
      result[r][c] = (m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]) / determinant;
    }
  }
  return result;
}

Matrix3 NearestOrthonormal(const Matrix3& m) {
  Matrix3 q = m;
  for (int step = 0; step < 50; ++step) {
    const Matrix3 inverse_transposed = Transposed(Inverse(q));
    double change = 0.0;
    for (std::size_t r = 0; r < 3; ++r) {
      for (std::size_t c = 0; c < 3; ++c) {
        const double next = 0.5 * (q[r][c] + inverse_transposed[r][c]);
        change = std::max(change, std::abs(next - q[r][c]));
        q[r][c] = next;
      }
    }
    if (change < 1e-15) break;
  }
  return q;
}

double LargestCosine(const Matrix3& m) {
  double largest = 0.0;
  for (std::size_t a = 0; a < 3; ++a) {
    const std::size_t b = (a + 1) % 3;
    largest =
        std::max(largest, std::abs(m[0][a] * m[0][b] + m[1][a] * m[1][b] + m[2][a] * m[2][b]));
  }
  return largest;
}

}  // namespace sap::matrix3
