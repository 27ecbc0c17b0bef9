// Runs mutants of a core, one after the other, each on all scripts until one tells it apart.
//
//     driver SCRIPTS LIMIT FIRST LAST [counting|blind]   (mutants, the values of `mutant`; 0 is the core as it is)
//
// A file of scripts is words, separated by white space; numbers are hexadecimal:
//
//     script STALLS                  stalls: the seed of the streams' stalls; 0 for none
//     part ABORT FAULT N M K         a reset, then N words, M digests, K answers:
//         word ... digest ... busy ... answer ...
//
// A part whose ABORT is not 0 ends after so many busy cycles, and its digests need not all come. FAULT
// is what `fault` must be in the end. `busy` is the count of busy cycles at each digest, and one more
// at the end; FFFFFFFF is not compared. For each mutant a line comes: its number, what differs ("same"
// if nothing does), script, part, and which digest or answer it is. With "counting" the counts of busy
// cycles of mutant FIRST come instead, part by part. With "blind" nothing is compared.
//
// Streams that do not stall begin when the core, after the reset, is no more busy.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "Vcore.h"
#include "verilated.h"

namespace {

struct Unsettled {};

struct Part {
    uint32_t abort, fault;
    std::vector<uint32_t> words, digests, busy, answers;
};

struct Script {
    uint32_t stalls;
    std::vector<Part> parts;
};

struct Verdict {
    const char* what;
    size_t place;
};

constexpr uint32_t ANY = 0xFFFFFFFF;
constexpr int CLEARED = 10000;    // Cycles within which a core is ready after a reset.
constexpr uint32_t SETTLED = 64;  // Cycles in which nothing more may come.

uint32_t number(std::ifstream& file) {
    std::string word;
    if (!(file >> word)) {
        std::fprintf(stderr, "Scripts must not end early\n");
        std::exit(2);
    }
    return static_cast<uint32_t>(std::stoul(word, nullptr, 16));
}

std::vector<Script> read(const char* path) {
    std::ifstream file(path);
    std::vector<Script> scripts;
    std::string word;
    while (file >> word) {
        if (word == "script") {
            scripts.push_back({number(file), {}});
            continue;
        }
        Part part;
        part.abort = number(file);
        part.fault = number(file);
        const uint32_t words = number(file), digests = number(file), answers = number(file);
        for (uint32_t k = 0; k < words; ++k) part.words.push_back(number(file));
        for (uint32_t k = 0; k < digests; ++k) part.digests.push_back(number(file));
        for (uint32_t k = 0; k <= digests; ++k) part.busy.push_back(number(file));
        for (uint32_t k = 0; k < answers; ++k) part.answers.push_back(number(file));
        scripts.back().parts.push_back(part);
    }
    return scripts;
}

// A core and both of its streams. Verilator writes "___05F" where two underscores follow each other.
class Host {
  public:
    Host(uint32_t mutant, uint32_t stalls) : core(&context), random(stalls) {
        core.clk = 0;
        core.mutant = mutant;
        core.i___05Fvalid = core.i___05Fpayload = core.o___05Fready = 0;
    }

    void reset() {
        core.i___05Fvalid = core.o___05Fready = 0;
        core.rst = 1;
        for (int k = 0; k < 8; ++k) cycle();
        core.rst = 0;
        for (int k = 0; k < CLEARED && (k < 1 || (core.busy && !random)); ++k) cycle();
    }

    // Play a part; return what differs first. What it counts goes to `counted`.
    Verdict play(const Part& part, uint64_t limit, std::vector<uint32_t>& counted) {
        size_t sent = 0, digests = 0, answers = 0;
        uint32_t busies = 0, rest = 0, waits = 0, waiting = 0;
        uint64_t cycles = 0;
        const bool stalling = random != 0;
        while (rest < SETTLED) {
            if (cycles++ > limit) return {"hangs", digests};
            core.clk = 0;
            core.eval();
            const bool taken = core.i___05Fvalid && core.i___05Fready;
            if (waits && !(core.o___05Fvalid && core.o___05Fpayload == waiting)) return {"stream", answers};
            waits = core.o___05Fvalid && !core.o___05Fready;
            waiting = core.o___05Fpayload;
            busies += core.busy;
            if (core.tick) {
                if (digests == part.digests.size()) return {"digest", digests};
                if (core.digest != part.digests[digests]) return {"digest", digests};
                if (part.busy[digests] != ANY && busies != part.busy[digests])
                    return {"cycles", digests};
                counted.push_back(busies);
                ++digests;
            }
            if (core.o___05Fvalid && core.o___05Fready) {
                if (answers == part.answers.size() || core.o___05Fpayload != part.answers[answers])
                    return {"answer", answers};
                ++answers;
            }
            const bool busy = core.busy;
            core.clk = 1;
            core.eval();
            if (part.abort && busies >= part.abort) return {nullptr, 0};
            if (stalling) {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
            }
            if (!core.i___05Fvalid || taken) {
                core.i___05Fvalid = sent < part.words.size() && (!stalling || random % 16);
                if (core.i___05Fvalid) core.i___05Fpayload = part.words[sent++];
            }
            core.o___05Fready = !stalling || (random >> 4 & 3) != 0;
            const bool over = sent == part.words.size() && !core.i___05Fvalid && !busy &&
                              digests == part.digests.size() && answers == part.answers.size();
            rest = over ? rest + 1 : 0;
        }
        counted.push_back(busies);
        if (part.busy[digests] != ANY && busies != part.busy[digests]) return {"cycles", digests};
        if (core.fault != part.fault) return {"fault", digests};
        return {nullptr, 0};
    }

  private:
    void cycle() {
        core.clk = 0;
        core.eval();
        core.clk = 1;
        core.eval();
    }

    VerilatedContext context;
    Vcore core;
    uint32_t random;
};

// Run a mutant; print what tells it apart, or what is counted.
void run(const std::vector<Script>& scripts, uint32_t mutant, uint64_t limit, const std::string& manner) {
    for (size_t s = 0; s < scripts.size(); ++s) {
        auto host = std::make_unique<Host>(mutant, scripts[s].stalls);
        for (size_t p = 0; p < scripts[s].parts.size(); ++p) {
            std::vector<uint32_t> counted;
            Verdict found{nullptr, 0};
            try {
                host->reset();
                found = host->play(scripts[s].parts[p], limit, counted);
            } catch (const Unsettled&) {
                host.release();  // It is in the midst of something.
                found = {"unsettled", 0};
            }
            if (manner == "counting") {
                for (const uint32_t count : counted) std::printf("%x ", count);
                std::printf("\n");
            }
            if (found.what && manner != "blind") {
                std::printf("%u %s %zu %zu %zu\n", mutant, found.what, s, p, found.place);
                std::fflush(stdout);
                return;
            }
        }
    }
    if (manner != "counting") std::printf("%u same 0 0 0\n", mutant);
    std::fflush(stdout);
}

}  // namespace

// Verilator calls this when logic does not settle.
void vl_fatal(const char*, int, const char*, const char*) { throw Unsettled(); }

int main(int argc, char** argv) {
    if (argc < 5) {
        std::fprintf(stderr, "Arguments must be SCRIPTS LIMIT FIRST LAST [counting|blind]\n");
        return 2;
    }
    const auto scripts = read(argv[1]);
    const uint64_t limit = std::stoull(argv[2]);
    const auto first = static_cast<uint32_t>(std::stoul(argv[3]));
    const auto last = static_cast<uint32_t>(std::stoul(argv[4]));
    const std::string manner = argc > 5 ? argv[5] : "";
    for (uint32_t mutant = first; mutant <= last; ++mutant) run(scripts, mutant, limit, manner);
    return 0;
}
