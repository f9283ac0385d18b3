using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Linux.Memory;
using Ioasis.Memory;
using Ioasis.Tests.Iommufd;

namespace Ioasis.Tests.Host;

/// <summary>
/// A program that maps pages of its memory one by one, each with a page between, for a device that is attached.
/// </summary>
internal sealed class MappingProgram : IDisposable
{
    internal const ulong Page = 4096;
    private const ulong Base = 0x1000_0000;
    private readonly Endpoint _endpoint;
    private readonly IommufdDevice _device;

    internal MappingProgram()
    {
        _endpoint = Machine.NewEndpoint();
        uint id = Ioas = Machine.NewIoas();
        _device = Machine.Bind(_endpoint);
        Assert.Equal(Errno.None, _device.Attach(null, ref id));
    }

    internal TestMachine Machine { get; } = new();

    internal ProcessMemory Memory { get; } = BackingFiles.OpenOwn();

    internal uint Ioas { get; }

    /// <summary>Bytes that the IOAS is charged for.</summary>
    internal long Granted
    {
        get
        {
            using ObjectTable.Held<IommufdIoas> ioas = Hold();
            return ioas.Value.Table.Granted;
        }
    }

    internal static ulong Iova(ulong index) => Base + (index * 2 * Page);

    /// <summary>Maps memory without an object; false if it would need one.</summary>
    internal bool TryMap(ulong index, ulong address, MapAccess access = MapAccess.ReadWrite, ulong length = Page,
        ProcessMemory? memory = null)
    {
        ulong iova = Iova(index);
        using ObjectTable.Held<IommufdIoas> ioas = Hold();
        return ioas.Value.Table.TryMapPlain(memory ?? Memory, address, length,
            PinOwner.Of(Machine.Program, Machine.Context), choose: false, access, ref iova);
    }

    /// <summary>Maps bytes of a file without an object; false if they would need one.</summary>
    internal bool TryMapFile(ulong index, IMemoryFile file, ulong start, MapAccess access = MapAccess.ReadWrite,
        ulong length = Page)
    {
        ulong iova = Iova(index);
        using ObjectTable.Held<IommufdIoas> ioas = Hold();
        return ioas.Value.Table.TryMapPlain(file, start, length, PinOwner.Of(Machine.Program, Machine.Context),
            choose: false, access, ref iova);
    }

    internal void Unmap(ulong index, ulong length = Page) =>
        Assert.Equal(Errno.None, Machine.Unmap(Ioas, Iova(index), ref length));

    internal void UnmapAll(ulong expected)
    {
        ulong length = ulong.MaxValue;
        Assert.Equal(Errno.None, Machine.Unmap(Ioas, 0, ref length));
        Assert.Equal(expected, length);
    }

    /// <summary>Takes the device, and so the last domain, away.</summary>
    internal void Detach() => _device.Detach(null);

    internal DmaPort OpenPort() => _endpoint.OpenPort();

    internal static void Write(DmaPort port, ulong index, ulong value) =>
        Assert.True(port.Write(new Iova(Iova(index)), BitConverter.GetBytes(value)).IsOk);

    internal static ulong Read(DmaPort port, ulong index)
    {
        byte[] bytes = new byte[8];
        Assert.True(port.Read(new Iova(Iova(index)), bytes).IsOk);
        return BitConverter.ToUInt64(bytes);
    }

    /// <summary>Maps many pages: each takes little memory, and is pinned until it goes.</summary>
    internal void MustTakeLittle(Func<ulong, bool> tryMap)
    {
        const ulong count = 1 << 14;
        for (ulong i = 0; i < 100; i++) Assert.True(tryMap(i)); // the first ones make what all share
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (ulong i = 100; i < count; i++) Assert.True(tryMap(i));
        double each = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)(count - 100);
        Assert.True(each < 64, $"{each} bytes for each area");
        Assert.Equal(count, Machine.Program.UserPins.Locked);
        UnmapAll(count * Page);
        MustHaveNoPins();
    }

    /// <summary>
    /// All mappings become objects when the last domain goes, and the program must have paid for that.
    /// </summary>
    internal void MustHavePaidForObjects(Func<ulong, bool> tryMap)
    {
        const ulong count = 1000;
        for (ulong i = 0; i < count; i++) Assert.True(tryMap(i));
        long before = Granted;
        Assert.True(before >= (long)count * 400, $"{before} bytes for {count} mappings");
        Detach();
        Assert.Equal(0UL, Machine.Program.UserPins.Locked);
        Assert.InRange(Granted, (long)count * 400, before);
        UnmapAll(count * Page);
    }

    /// <summary>
    /// A page that a file loses is zeros for the device, and new for a new mapping.
    /// </summary>
    /// <param name="tryMap">Maps a page of the file, at an index.</param>
    /// <param name="truncate">Changes the file's length.</param>
    /// <param name="at">The word at an offset in the file.</param>
    /// <param name="pages">How many pages it has.</param>
    internal void MustLoseAPage(
        Func<ulong, ulong, bool> tryMap, Action<ulong> truncate, Func<ulong, ulong> at, ulong pages)
    {
        Assert.True(tryMap(0, 5));
        using DmaPort port = OpenPort();
        Write(port, 0, 7);
        truncate(2 * Page);
        Assert.Equal(0UL, Read(port, 0));
        Write(port, 0, 8); // to nobody
        Assert.False(tryMap(1, 5)); // beyond the file's end
        truncate(pages * Page);
        Assert.True(tryMap(2, 5));
        Write(port, 2, 9);
        Assert.Equal(9UL, at(5 * Page));
        Assert.Equal(8UL, Read(port, 0));
        UnmapAll(2 * Page);
    }

    internal void MustHaveNoPins() =>
        Assert.Equal((0UL, 0UL), (Machine.Program.UserPins.Locked, Machine.Program.Pins.Pinned));

    public void Dispose() => Memory.Dispose();

    private ObjectTable.Held<IommufdIoas> Hold()
    {
        Assert.Equal(Errno.None, Machine.Context.Objects.TryGet(Ioas, out ObjectTable.Held<IommufdIoas> held));
        return held;
    }
}
