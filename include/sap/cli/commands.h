// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sap::cli {

// One function per program; apps/sap_<name>.cc only calls it. Returns the exit code.
int PhantomMain(int argc, char** argv);
int TrainMain(int argc, char** argv);
int CvMain(int argc, char** argv);
int PreprocessMain(int argc, char** argv);
int PredictMain(int argc, char** argv);
int EvaluateMain(int argc, char** argv);
int ConvertMain(int argc, char** argv);
int DoctorMain(int argc, char** argv);

}  // namespace sap::cli
