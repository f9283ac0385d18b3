using System.Globalization;
using System.Text;
using Ioasis.Memory;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd.FirstStage;

namespace Ioasis.Tests.Units.Vtd;

/// <summary>A first stage in a guest's memory, and a request.</summary>
internal sealed class FirstStageCase
{
    internal readonly GuestArena Memory = new();
    internal ulong Root, Iova;
    internal int Levels = 4, HostAddressBits = 52, SecondStageBits = 48;
    internal bool Pages1G, SupervisorRequestEnable, WriteProtectEnable, ExtendedAccessedEnable, Write,
        Supervisor, Execute;

    internal FirstStageTable Table => new(
        new Gpa(Root), Levels,
        (SupervisorRequestEnable ? FirstStageFlags.SupervisorRequests : 0)
            | (WriteProtectEnable ? FirstStageFlags.WriteProtect : 0)
            | (ExtendedAccessedEnable ? FirstStageFlags.ExtendedAccessed : 0),
        new X64Format(HostAddressBits, Pages1G), SecondStageBits);

    internal FirstStageRequest Request => new(
        new Iova(Iova),
        (Write ? FirstStageAccess.Write : 0) | (Supervisor ? FirstStageAccess.Supervisor : 0)
            | (Execute ? FirstStageAccess.Execute : 0));

    internal FirstStageCase Clone()
    {
        var copy = new FirstStageCase();
        Memory.CopyTo(copy.Memory);
        (copy.Root, copy.Iova, copy.Levels, copy.HostAddressBits, copy.SecondStageBits) =
            (Root, Iova, Levels, HostAddressBits, SecondStageBits);
        (copy.Pages1G, copy.SupervisorRequestEnable, copy.WriteProtectEnable, copy.ExtendedAccessedEnable) =
            (Pages1G, SupervisorRequestEnable, WriteProtectEnable, ExtendedAccessedEnable);
        (copy.Write, copy.Supervisor, copy.Execute) = (Write, Supervisor, Execute);
        return copy;
    }

    /// <summary>
    /// Makes another case of this one: mostly tables that could be meant, with a bit of everything that is wrong.
    /// </summary>
    internal void Fill(ref CaseRandom random)
    {
        Levels = random.OneIn(2) ? 5 : 4;
        HostAddressBits = random.Of(39, 46, 48, 52);
        SecondStageBits = random.Of(39, 48, 57);
        Pages1G = !random.OneIn(4);
        SupervisorRequestEnable = !random.OneIn(4);
        WriteProtectEnable = random.OneIn(2);
        ExtendedAccessedEnable = random.OneIn(2);
        Write = random.OneIn(2);
        Supervisor = random.OneIn(3);
        Execute = random.OneIn(100);

        ulong reachable = (1UL << Math.Min(HostAddressBits, SecondStageBits)) - 1;
        for (int page = 0; page < GuestArena.Pages; page++)
        {
            Memory.Frames[page] = ((random.Next() & reachable) >> 15 << 15) | ((ulong)page << 12); // no two alike
            Memory.Stage2[page] = random.OneIn(6) ? (GuestPage)random.Below(6) : GuestPage.ReadWrite;
        }

        for (int i = 0; i < Memory.Entries.Length; i++) Memory.Entries[i] = Entry(ref random);
        Memory.ChangeFrom = random.Below(6);
        Memory.ChangeCount = random.OneIn(8) ? random.OneIn(4) ? 100 : 1 : 0;
        Memory.ChangeTo = Entry(ref random);

        Root = random.OneIn(50) ? random.Next() : Memory.Frames[0] | (random.OneIn(8) ? random.Next() & 0xfff : 0);
        Iova = random.Next() & 0xfff;
        for (int level = 0; level < Levels; level++)
            Iova |= GuestArena.Indices[random.Below(GuestArena.Slots)] << (12 + (9 * level));
        int above = 64 - 12 - (9 * Levels);
        Iova = (ulong)((long)(Iova << above) >> above);
        if (random.OneIn(40)) Iova ^= 1UL << (63 - random.Below(above + 1));
    }

    private ulong Entry(ref CaseRandom random)
    {
        ulong bits = random.Next(), host = (1UL << HostAddressBits) - 1;
        ulong entry = bits & 0xfff0_0000_0000_0f78; // A, D, PWT, PCD, EA and what is ignored; PS apart
        if (!random.OneIn(24)) entry |= 1;
        if (!random.OneIn(8)) entry |= 2;
        if (!random.OneIn(8)) entry |= 4;
        int address = random.Below(16);
        if (random.OneIn(6))
        {
            entry |= 0x80;
            ulong page = random.Next() & host;
            if (!random.OneIn(3)) page &= (1UL << Math.Min(HostAddressBits, SecondStageBits)) - 1;
            entry |= address switch
            {
                < 2 => page & 0x000f_ffff_ffff_f000,
                < 9 => page >> 30 << 30,
                _ => page >> 21 << 21
            };
            return entry | (bits & 0x1000); // PAT
        }

        return entry | address switch
        {
            0 => random.Next() & 0x000f_ffff_ffff_f000,
            1 => random.Next() & host & 0x000f_ffff_ffff_f000,
            _ => Memory.Frames[random.Below(GuestArena.Pages)],
        };
    }

    /// <summary>The simplest case that still fails: whatever can be made plain is.</summary>
    internal static FirstStageCase Shrink(FirstStageCase failing, Func<FirstStageCase, bool> fails)
    {
        FirstStageCase best = failing.Clone();
        for (bool simpler = true; simpler;)
        {
            simpler = false;
            foreach (Action<FirstStageCase> step in Simplifications(best))
            {
                FirstStageCase candidate = best.Clone();
                step(candidate);
                if (candidate.ToString() == best.ToString() || !fails(candidate)) continue;
                best = candidate;
                simpler = true;
            }
        }

        return best;
    }

    private static IEnumerable<Action<FirstStageCase>> Simplifications(FirstStageCase of)
    {
        yield return c => c.Memory.ChangeCount = 0;
        yield return c => c.Memory.ChangeCount = Math.Min(c.Memory.ChangeCount, 1);
        yield return c => c.Execute = false;
        yield return c => c.Supervisor = false;
        yield return c => c.Write = false;
        yield return c => c.ExtendedAccessedEnable = false;
        yield return c => c.WriteProtectEnable = false;
        yield return c => c.SupervisorRequestEnable = false;
        yield return c => c.Root &= ~0xfffUL;
        for (int page = 0; page < GuestArena.Pages; page++)
        {
            int at = page;
            yield return c => c.Memory.Stage2[at] = GuestPage.ReadWrite;
        }

        for (int i = 0; i < of.Memory.Entries.Length; i++)
        {
            int at = i;
            yield return c => c.Memory.Entries[at] = 0;
            foreach (int bit in (int[])[3, 4, 5, 6, 7, 8, 9, 10, 11, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63])
                yield return c => c.Memory.Entries[at] &= ~(1UL << bit);
        }
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Levels} levels from "
            + $"0x{Root:x}, host {HostAddressBits} bits, stage 2 {SecondStageBits} bits, 1 GiB pages {Pages1G}");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"SRE {SupervisorRequestEnable} WPE {WriteProtectEnable} EAFE {ExtendedAccessedEnable}");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"iova 0x{Iova:x} write {Write} supervisor {Supervisor} execute {Execute}");
        if (Memory.ChangeCount != 0)
            text.AppendLine(CultureInfo.InvariantCulture, $"the guest writes 0x{Memory.ChangeTo:x} "
                + $"before update {Memory.ChangeFrom} and {Memory.ChangeCount - 1} more");
        for (int page = 0; page < GuestArena.Pages; page++)
            for (int slot = 0; slot < GuestArena.Slots; slot++)
                if (Memory.Entries[(page * GuestArena.Slots) + slot] is not 0 and ulong entry)
                    text.AppendLine(CultureInfo.InvariantCulture,
                        $"0x{Memory.Frames[page]:x}[{GuestArena.Indices[slot]}] = 0x{entry:x} ({Memory.Stage2[page]})");
        return text.ToString();
    }
}

/// <summary>Random numbers, the same for a seed everywhere (splitmix64).</summary>
internal struct CaseRandom(ulong seed)
{
    private ulong _state = seed;

    internal ulong Next()
    {
        ulong z = _state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    internal int Below(int end) => (int)((Next() >> 32) * (ulong)end >> 32);

    internal bool OneIn(int times) => Below(times) == 0;

    internal int Of(params ReadOnlySpan<int> choices) => choices[Below(choices.Length)];
}
