using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Ioasis.Abi;
using Ioasis.Core.Observation;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// Reads the memory that a program's calls have mapped, for observers that keep it. A device that is started finds the
/// memory as it is then, so a recording needs what changed since it was mapped.
/// </summary>
public static class MappedReader
{
    private const int PageSize = 4096;
    private const ulong MostHashed = 16 << 20;

    private static readonly ConditionalWeakTable<AddressSpace, KnownPages> s_known = [];

    /// <summary>The mapped pages whose content was not read yet, by address.</summary>
    /// <param name="space">The memory of a program: <see cref="CallData.Space"/>.</param>
    public static IReadOnlyDictionary<ulong, byte[]> ReadChanged(object space)
    {
        var changed = new Dictionary<ulong, byte[]>();
        if (space is not AddressSpace memory || !s_known.TryGetValue(memory, out KnownPages? known)) return changed;
        var page = new byte[PageSize];
        foreach ((ulong address, UInt128 hash) in known.Pages.OrderBy(p => p.Key))
        {
            // A page that is not present may be brought by the program alone, which waits for us.
            if (!memory.IsPresent(new Hva(address)) || !memory.TryRead(new Hva(address), page)) continue;
            UInt128 now = HashOf(page);
            if (now == hash) continue;
            known.Pages[address] = now;
            changed.Add(address, page.AsSpan().ToArray());
        }

        return changed;
    }

    /// <summary>Reads the memory that a call has mapped.</summary>
    internal static void Read(CallData data, ICaller caller, IoctlShape? shape, byte[] bytes, bool withPages)
    {
        if (RangeOf(shape?.Structure, bytes) is not { Length: > 0 and <= MostHashed } range) return;
        KnownPages? known = withPages ? s_known.GetOrCreateValue(caller.Memory) : null;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var pages = new Dictionary<ulong, byte[]>();
        ulong end = range.Address + range.Length;
        for (ulong first = range.Address & ~(ulong)(PageSize - 1); first < end; first += PageSize)
        {
            var page = new byte[PageSize];
            if (!caller.Memory.IsPresent(new Hva(first)) || !caller.Memory.TryRead(new Hva(first), page)) return;
            hash.AppendData(page);
            UInt128 now = known is null ? default : HashOf(page);
            bool isKnown = known is not null && known.Pages.TryGetValue(first, out UInt128 before) && before == now;
            if (known is null || isKnown) continue;
            known.Pages[first] = now;
            pages.Add(first, page);
        }

        data.Hash = Convert.ToHexStringLower(hash.GetHashAndReset());
        if (withPages && pages.Count != 0) data.Pages = pages;
    }

    private static UInt128 HashOf(byte[] page)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(page, hash);
        return MemoryMarshal.Read<UInt128>(hash);
    }

    private static (ulong Address, ulong Length)? RangeOf(Type? structure, byte[] bytes)
    {
        if (structure is null || bytes.Length < Marshal.SizeOf(structure)) return null;
        if (structure == typeof(IommuIoasMap))
        {
            var map = MemoryMarshal.Read<IommuIoasMap>(bytes);
            return (map.UserVa, map.Length);
        }

        if (structure != typeof(VfioIommuType1DmaMap)) return null;
        var vfio = MemoryMarshal.Read<VfioIommuType1DmaMap>(bytes);
        return (vfio.Vaddr, vfio.Size);
    }

    /// <summary>The hashes of the pages of a program that were read, by address.</summary>
    private sealed class KnownPages
    {
        internal ConcurrentDictionary<ulong, UInt128> Pages { get; } = [];
    }
}
