using Ioasis.Memory;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd.FirstStage;

namespace Ioasis.Tests.Units.Vtd;

/// <summary>The walker against the oracle, on a million random first stages.</summary>
public sealed class FirstStagePropertyTests
{
    private const int Cases = 1_000_000;
    private const ulong Seed = 1;

    private static readonly FirstStageFault[] s_fromStage2Alone =
        [FirstStageFault.NoRead, FirstStageFault.InterruptAddress, FirstStageFault.SecondStageAccess];

    private readonly GuestArena _walkers = new(), _oracles = new();

    [Fact]
    public void TranslationsFaultsAndTheBitsLeftInMemoryAreTheSpecifications()
    {
        var random = new CaseRandom(Seed);
        var given = new FirstStageCase();
        var outcomes = new Dictionary<FirstStageFault, int>();
        int[] leaves = new int[X64Format.MaxLevels + 1];
        int dirty = 0, protectedPages = 0, lost = 0;
        for (int i = 0; i < Cases; i++)
        {
            given.Fill(ref random);
            if (!Agree(given, out FirstStageTranslation got, out int updates))
                Assert.Fail(
                    $"case {i} of seed {Seed}\n{Explain(FirstStageCase.Shrink(given, c => !Agree(c, out _, out _)))}");
            outcomes[got.Fault] = outcomes.GetValueOrDefault(got.Fault) + 1;
            if (updates > given.Memory.ChangeFrom && given.Memory.ChangeCount != 0) lost++;
            if (!got.IsOk) continue;
            leaves[got.Level]++;
            if (got.Dirty && given.Write) dirty++;
            if (given.Write && (got.Rights & X64Rights.Write) == 0) protectedPages++;
        }

        // All that can happen happened, and often.
        foreach (FirstStageFault fault in Enum.GetValues<FirstStageFault>().Except(s_fromStage2Alone))
            Assert.True(outcomes.GetValueOrDefault(fault) >= 1000,
                $"{fault} happened {outcomes.GetValueOrDefault(fault)} times");
        Assert.All(leaves[1..4], count => Assert.True(count >= 1000, $"leaves by level: {string.Join(' ', leaves)}"));
        Assert.All((int[])[dirty, protectedPages, lost],
            count => Assert.True(count >= 1000, $"dirty {dirty}, protected {protectedPages}, lost {lost}"));
    }

    private bool Agree(FirstStageCase given, out FirstStageTranslation got, out int updates)
    {
        given.Memory.CopyTo(_walkers);
        given.Memory.CopyTo(_oracles);
        FirstStageOracle.Outcome expected = new FirstStageOracle(given, _oracles).Translate();
        var memory = new ArenaMemory(_walkers);
        var last = new LastStep();
        FirstStageTable table = given.Table;
        FirstStageTranslation common =
            FirstStageWalker.WalkCommon(in table, table.Top, given.Request, new ArenaMemory(_walkers));
        got = FirstStageWalker.Walk(in table, table.Top, given.Request, ref memory, ref last);
        updates = memory.Updates;
        if (Same(got) != expected || !_walkers.Entries.AsSpan().SequenceEqual(_oracles.Entries)) return false;

        // A user's walk to a small page that changes nothing is a common one, and no other is.
        bool isCommon = got is { IsOk: true, Level: 1 } && updates == 0
            && given.Request.Access <= FirstStageAccess.Write;
        if (common != (isCommon ? got : default)) return false;

        // From the last step that was reported it is the same again, and needs no update.
        if (!got.IsOk || last.Step is not { } step) return true;
        var once = new ArenaMemory(_walkers);
        NoObserver nobody = default;
        return FirstStageWalker.Walk(in table, step, given.Request, ref once, ref nobody) == got
            && once is { Updates: 0, Reads: 1 } && step.Level == got.Level;
    }

    private static FirstStageOracle.Outcome Same(FirstStageTranslation got) => new(
        (byte)got.Fault, got.Level, got.Gpa.Value, (got.Rights & X64Rights.Write) != 0,
        (got.Rights & X64Rights.User) != 0, got.Dirty);

    private string Explain(FirstStageCase failing)
    {
        Agree(failing, out FirstStageTranslation got, out _);
        given(_oracles);
        FirstStageOracle.Outcome expected = new FirstStageOracle(failing, _oracles).Translate();
        var entries = Enumerable.Range(0, _walkers.Entries.Length)
            .Where(i => _walkers.Entries[i] != _oracles.Entries[i])
            .Select(i => $"entry {i}: 0x{_walkers.Entries[i]:x}, not 0x{_oracles.Entries[i]:x}");
        return $"{failing}{Same(got)}, not\n{expected}\n{string.Join('\n', entries)}";

        void given(GuestArena arena) => failing.Memory.CopyTo(arena);
    }

    private struct LastStep : IFirstStageObserver
    {
        internal FirstStageStep? Step;

        public readonly void Read(int level, Gpa address, ulong entry)
        {
        }

        public void Descend(FirstStageStep next) => Step = next;
    }
}
