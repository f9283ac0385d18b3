using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Memory;

namespace Ioasis.Scenes;

/// <summary>
/// A guest: memory, an IOAS that maps it from guest-physical 0 on, a nest parent over that, and x86-64 tables of 4
/// levels, written into the memory by hand.
/// </summary>
internal sealed class DemoGuest : IDisposable
{
    internal const ulong Page = 4096, Present = 1, Write = 2, User = 4, LargePage = 1 << 7,
        All = Present | Write | User;
    private const ulong AddressMask = 0x000f_ffff_ffff_f000;
    private readonly DemoBoard _board;
    private readonly UserFile _file;
    private ulong _free;

    /// <summary>Makes the memory, and maps it for the board's device.</summary>
    internal DemoGuest(DemoBoard board, ulong length)
    {
        _board = board;
        _file = board.Nodes.CreateFile(length);
        Ioas = board.Context.AllocateIoas();
        Ioas.MapFile(_file, 0, length, at: Iova.Zero);
        Parent = board.Context.AllocateHwpt(board.Device, Ioas, HwptOptions.NestParent | HwptOptions.Pasid);
    }

    /// <summary>The second stage: guest-physical addresses to memory.</summary>
    internal Ioas Ioas { get; }

    /// <summary>The nest parent: the second stage as first stages use it.</summary>
    internal Hwpt Parent { get; }

    /// <summary>The memory, addressed by guest-physical addresses.</summary>
    internal UserMemory Memory => _file.Memory;

    public void Dispose() => _file.Dispose();

    /// <summary>Takes an unused, empty page, for a root or for data.</summary>
    internal ulong NewPage()
    {
        ulong page = _free;
        _free += Page;
        return page;
    }

    /// <summary>Makes a nested HWPT from the tables below a root.</summary>
    internal NestedHwpt Nest(ulong root, FaultQueue? faults = null) => _board.Context.AllocateNestedHwpt(
        _board.Device, Parent, X86FirstStage.At(root), HwptOptions.Pasid, faults);

    /// <summary>Writes a leaf of 4 KiB (level 1), 2 MiB (2) or 1 GiB (3), and the tables above it.</summary>
    /// <returns>The entry written.</returns>
    internal ulong SetLeaf(ulong root, ulong iova, ulong guestAddress, int level = 1, ulong rights = All)
    {
        ulong entry = guestAddress | rights | (level > 1 ? LargePage : 0);
        Memory.Write(PlaceOf(root, iova, level), entry);
        return entry;
    }

    /// <summary>Clears a leaf of 4 KiB. Caches that hold it keep it until they are invalidated.</summary>
    internal void ClearLeaf(ulong root, ulong iova) => Memory.Write(PlaceOf(root, iova, 1), 0UL);

    /// <summary>The current leaf of 4 KiB.</summary>
    internal ulong Leaf(ulong root, ulong iova) => Memory.Read<ulong>(PlaceOf(root, iova, 1));

    /// <summary>Translates a pointer by its leaf of 4 KiB, as a processor would.</summary>
    /// <exception cref="InvalidOperationException">The pointer is unmapped: a processor would raise a page
    /// fault.</exception>
    internal ulong Follow(ulong root, ulong iova)
    {
        ulong leaf = Leaf(root, iova);
        return (leaf & Present) != 0
            ? (leaf & AddressMask) | (iova & (Page - 1))
            : throw new InvalidOperationException($"The guest has no page at 0x{iova:x}.");
    }

    /// <summary>Address of an entry. Makes the tables above it if they are missing.</summary>
    private ulong PlaceOf(ulong root, ulong iova, int level)
    {
        ulong table = root;
        for (int above = 4; above > level; above--)
        {
            ulong at = table + Offset(iova, above);
            if ((Memory.Read<ulong>(at) & Present) == 0) Memory.Write(at, NewPage() | All);
            table = Memory.Read<ulong>(at) & AddressMask;
        }

        return table + Offset(iova, level);
    }

    private static ulong Offset(ulong iova, int level) => ((iova >> (12 + (9 * (level - 1)))) & 511) * 8;
}
