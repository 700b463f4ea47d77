// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "faults/small_exam.h"
#include "support/shared_folder.h"

// No byte that sap-preprocess leaves behind or prints holds anything that identifies a patient.
namespace sap {
namespace {

using ::testing::HasSubstr;
using testing::ProgramResult;
using testing::RunProgram;

const phantom::DicomPatient kPlanted{
    "Quillfeather^Xanthe",
    "PID778123X",
    "19430217",
    "Saint Planted Hospital",
    {{0x00081010, "SCANNERJX7"},                         // Station Name
     {0x00080050, "ACC559911"},                          // Accession Number
     {0x00080090, "Brambleby^Ottoline"},                 // Referring Physician
     {0x00081050, "Brambleby^Ottoline"},                 // Performing Physician
     {0x0020000d, "1.2.826.991177.5.1"},                 // Study Instance UID
     {0x00200052, "1.2.826.991177.5.2"},                 // Frame of Reference UID
     {0x00081030, "follow-up of Quillfeather, Xanthe"},  // Study Description
     {0x00104000, "lives in Grimsby-le-Moor"},           // Patient Comments
     {0x00290010, "ZORBLATT 1.0"},                       // a private creator and its element
     {0x00291001, "zorblatt secret"}}};

const std::vector<std::string> kSecrets = {"quillfeather",
                                           "xanthe",
                                           "pid778123x",
                                           "19430217",
                                           "planted",
                                           "scannerjx7",
                                           "acc559911",
                                           "brambleby",
                                           "ottoline",
                                           "991177",
                                           "follow-up",
                                           "grimsby",
                                           "zorblatt",
                                           "20260101",
                                           "2.25."};

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string Gunzipped(const fs::path& file) {
  std::string bytes, piece(std::size_t{1} << 16, '\0');
  const gzFile stream = gzopen(file.c_str(), "rb");
  for (int got = 0; (got = gzread(stream, piece.data(), 1U << 16)) > 0;) {
    bytes.append(piece, 0, static_cast<std::size_t>(got));
  }
  gzclose(stream);
  return bytes;
}

// Which secrets stand in a text, as it is and with two bytes a letter (not: compressed).
std::vector<std::string> SecretsIn(const std::string& text) {
  const std::string lower = Lower(text);
  std::vector<std::string> found;
  for (const std::string& secret : kSecrets) {
    if (lower.find(secret) != std::string::npos) found.push_back(secret);
  }
  return found;
}

void ExpectNoSecrets(const ProgramResult& result, const fs::path& root) {
  for (const std::string* text : {&result.out, &result.err}) {
    EXPECT_THAT(SecretsIn(*text), ::testing::IsEmpty()) << *text;
    EXPECT_EQ(text->find((root / "in").string()), std::string::npos) << *text;
  }
}

void ExpectNoSecretsBelow(const fs::path& output) {
  int num_files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(output)) {
    const std::string name = entry.path().lexically_relative(output).string();
    EXPECT_THAT(SecretsIn(name), ::testing::IsEmpty()) << name;
    if (!entry.is_regular_file()) continue;
    ++num_files;
    const bool zipped = name.ends_with(".gz");
    EXPECT_THAT(SecretsIn(zipped ? Gunzipped(entry.path()) : ReadFile(entry.path())),
                ::testing::IsEmpty())
        << name;
  }
  EXPECT_GT(num_files, 20);
}

// Uncompressed NIfTI with every free text of its header filled in.
void WritePlantedNifti(const fs::path& file, const Volume& image) {
  WriteVolume(file, image);
  std::string bytes = ReadFile(file);
  const auto put = [&](std::size_t at, const std::string& text) {
    bytes.replace(at, text.size(), text);
  };
  put(14, "PID778123X");                               // db_name
  put(148, "Quillfeather Xanthe 19430217 ACC559911");  // descrip
  put(228, "Brambleby.dat");                           // aux_file
  put(328, "Quillfeather");                            // intent_name
  const float elsewhere_mm = 77;                       // a qform that makes the reader speak
  std::memcpy(bytes.data() + 268, &elsewhere_mm, sizeof(elsewhere_mm));
  std::ofstream(file, std::ios::binary) << bytes;
  std::ofstream(fs::path(file).replace_extension(".json"))
      << R"({"PatientName": "Quillfeather^Xanthe", "AccessionNumber": "ACC559911",
             "SeriesDescription": "zorblatt secret"})";
}

void WritePlantedNiftiExam(const fs::path& folder) {
  fs::create_directories(folder);
  for (const testing::ExamVolume& v : testing::SmallExam(1, 3)) {
    const std::string name =
        v.b_s_per_mm2 ? fmt::format("DWI_Quillfeather_{}_b{:g}.nii", v.station, *v.b_s_per_mm2)
                      : fmt::format("T1_Xanthe_{}.nii", v.station);
    WritePlantedNifti(folder / name, v.image);
  }
  std::ofstream(folder / "Quillfeather_letter.nii") << "no image at all";  // left out by its name
}

void CutInHalf(const fs::path& file) {
  fs::resize_file(file, fs::file_size(file) / 2);
}

// Three good exams and six that fail, in folders named after the patient; the table of codes.
void WritePlantedInput(const fs::path& root) {
  const fs::path in = root / "in";
  const std::string description = "T1 cor Quillfeather";
  testing::WriteDicomExam(in / "Quillfeather_Xanthe" / "Brambleby", kPlanted, false, description);
  testing::WriteDicomExam(in / "Quillfeather_19430217", kPlanted, true, description);
  WritePlantedNiftiExam(in / "Xanthe");
  const fs::path cut = in / "Quillfeather_cut" / "Brambleby";
  testing::WriteDicomExam(cut, kPlanted, false, description);
  fs::rename(cut / "S101_b-1" / "IM00003.dcm", cut / "S101_b-1" / "Quillfeather_3.dcm");
  CutInHalf(cut / "S101_b-1" / "Quillfeather_3.dcm");
  fs::rename(cut / "S102_b-1" / "IM00003.dcm", cut / "S102_b-1" / "Xanthe.dcm");
  fs::resize_file(cut / "S102_b-1" / "Xanthe.dcm", 300);
  WritePlantedNiftiExam(in / "Xanthe_cut");
  CutInHalf(in / "Xanthe_cut" / "T1_Xanthe_1.nii");
  WritePlantedNiftiExam(in / "Xanthe_without_b");
  fs::rename(in / "Xanthe_without_b" / "DWI_Quillfeather_1_b50.nii",
             in / "Xanthe_without_b" / "DWI_Quillfeather_1.nii");
  fs::create_directory_symlink("nowhere", in / "Quillfeather_gone");
  WritePlantedNiftiExam(in / "Xanthe_odd");  // a folder where a file should be: the path is said
  fs::create_directory(in / "Xanthe_odd" / "DWI_Quillfeather_1_b50.bval");
  WritePlantedNiftiExam(in / "Xanthe_linked");
  fs::create_symlink("nowhere", in / "Xanthe_linked" / "T1_Quillfeather_3.nii");
  std::ofstream(in / "Quillfeather_list.xlsx") << "Quillfeather";
  std::ofstream(root / "codes.csv") << "folder,remark,case\n"
                                       "Quillfeather_Xanthe,\"Xanthe, first\",S01\n"
                                       "Quillfeather_19430217,,S02\n"
                                       "Xanthe,,S03\n"
                                       "Quillfeather_cut,,S04\n"
                                       "Xanthe_cut,,S05\n"
                                       "Xanthe_without_b,,S06\n"
                                       "Quillfeather_gone,,S07\n"
                                       "Xanthe_linked,,S08\n"
                                       "Xanthe_odd,,S09\n";
}

ProgramResult RunPlanted(const fs::path& root, const std::vector<std::string>& more) {
  std::vector<std::string> words = {"--case_names", (root / "codes.csv").string()};
  words.insert(words.end(), more.begin(), more.end());
  const ProgramResult result =
      RunProgram(testing::PreprocessCommand(root / "in", root / "out", words));
  ExpectNoSecrets(result, root);
  return result;
}

TEST(PreprocessPrivacy, NothingPlantedIsInAnyByteWrittenOrPrinted) {
  const fs::path root = testing::FreshFolder();
  WritePlantedInput(root);
  const ProgramResult plan = RunPlanted(root, {"--dry-run"});
  EXPECT_EQ(plan.exit_code, 3) << plan.err;
  EXPECT_THAT(plan.out, HasSubstr("S01: to do\n"));
  EXPECT_FALSE(fs::exists(root / "out"));

  const ProgramResult run =
      RunPlanted(root, {"--log-level", "debug", "--set", "keep_intermediates=true"});
  EXPECT_EQ(run.exit_code, 3) << run.err;
  EXPECT_THAT(run.err, HasSubstr("6 of 9 cases failed"));
  EXPECT_THAT(run.err, HasSubstr("S04: file "));
  EXPECT_THAT(run.err, HasSubstr("(truncated file); copy it again"));
  EXPECT_THAT(run.err, HasSubstr("it begins as DICOM, but cannot be read"));
  EXPECT_THAT(run.err, HasSubstr("S05: file "));
  EXPECT_THAT(run.err, HasSubstr("S06: file "));
  EXPECT_THAT(run.err, HasSubstr("S03: file 2 of 13 in order of path: sform and qform disagree"));
  EXPECT_THAT(run.err, HasSubstr("S07: its folder is a link to nothing"));
  EXPECT_THAT(run.err, HasSubstr("S08: 1 of its files is a link to nothing"));
  EXPECT_THAT(run.err, HasSubstr("S09: a folder or link of it: cannot read: Is a directory"));
  for (const char* good : {"S01", "S02", "S03"}) {
    EXPECT_TRUE(fs::exists(root / "out" / good / "b1000.nii.gz")) << good;
  }
  ExpectNoSecretsBelow(root / "out");

  const ProgramResult again = RunPlanted(root, {"--json", "--set", "cases=[S01, S02, S03]"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr(R"("made":0)"));
  ExpectNoSecretsBelow(root / "out");
}

TEST(PreprocessPrivacy, FaultsOfTheCaseTableComeTogetherByLineWithoutFolderNames) {
  const fs::path root = testing::FreshFolder();
  for (const char* name : {"Quillfeather", "Xanthe", "Brambleby"}) {
    testing::WriteNiftiExam(root / "in" / name);
  }
  const auto fault = [&](const std::string& rows, const std::vector<std::string>& more = {}) {
    std::ofstream(root / "codes.csv") << rows;
    const ProgramResult result = RunPlanted(root, more);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_FALSE(fs::exists(root / "out" / "S01"));
    return result.err;
  };
  const std::string faults =
      fault("folder,case\nQuillfeather,S01\nXanthe,S01\nXanthe,../S03\nOttoline,S04\n");
  EXPECT_THAT(faults, HasSubstr("line 3: case S01 stands in line 2 already"));
  EXPECT_THAT(faults, HasSubstr("line 4: its case is no code of up to 64 letters"));
  EXPECT_THAT(faults, HasSubstr("line 4: its folder stands in line 3 already"));
  EXPECT_THAT(faults, HasSubstr("line 5: its folder is not in input_dir"));
  EXPECT_THAT(faults, HasSubstr("1 of 3 folders of input_dir have no line"));
  EXPECT_THAT(fault("Quillfeather,S01\n"), HasSubstr("the columns folder and case"));
  EXPECT_THAT(fault("folder,case\nQuillfeather,S01,x\n"), HasSubstr("3 cells under 2 columns"));
  const std::string good = "folder,case\nQuillfeather,S01\nXanthe,S02\nBrambleby,S03\n";
  EXPECT_THAT(fault(good, {"--set", "cases=[S02, Xanthe]"}),
              HasSubstr("cases: entry 2 not in the column case of case_names"));
  fs::create_directories(root / "out" / "Xanthe");
  EXPECT_THAT(fault(good), HasSubstr("line 3: output_dir holds a result under the folder's own"));
}

}  // namespace
}  // namespace sap
