using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>Areas that take no object until somebody wants more of them than that devices use them.</summary>
public sealed class PlainAreaTests
{
    private const ulong Page = 4096, Base = 0x1000_0000;

    private readonly TestMachine _machine = new();

    [Fact]
    public void ManySmallAreasTakeLittleMemory()
    {
        const ulong count = 1 << 14;
        TestCaller program = _machine.Program;
        HostBlock block = program.Own.Allocate(Page);
        uint id = Attached(out _);
        Assert.Equal(Errno.None, _machine.Context.Objects.TryGet(id, out ObjectTable.Held<IommufdIoas> held));
        using ObjectTable.Held<IommufdIoas> ioas = held;
        PinOwner owner = PinOwner.Of(program, _machine.Context);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (ulong i = 0; i < count; i++)
        {
            ulong iova = Iova(i);
            Assert.True(ioas.Value.Table.TryMapPlain(program.Own, (ulong)block.Address, Page, owner, choose: false,
                    MapAccess.ReadWrite, ref iova));
        }

        double each = (GC.GetAllocatedBytesForCurrentThread() - before) / (double)count;
        Assert.True(each < 64, $"{each} bytes for each area");
        Assert.Equal(count, program.UserPins.Locked);
        UnmapAll(id, count * Page);
    }

    [Fact]
    public void MoreThanABatchIsUnmappedAroundADriversPin()
    {
        const ulong count = 10_000, pinned = 7_000;
        HostBlock block = _machine.Program.Own.Allocate(count * Page);
        uint ioas = Attached(out _);
        for (ulong i = 0; i < count; i++) Map(ioas, Iova(i), (ulong)block.Address + (i * Page));
        Assert.Equal(count, _machine.Program.UserPins.Locked);

        IommufdAccess? access = null;
        var owner = new TestAccessOwner
        {
            OnUnmap = (iova, length) =>
            {
                if (length == Page) access!.UnpinPages(iova, length); // all is told at the end
            },
        };
        using (access = IommufdAccess.Create(_machine.Context, owner))
        {
            Assert.Equal(Errno.None, access.Attach(ioas));
            Assert.Equal(Errno.None,
                access.PinPages(Iova(pinned), Page, write: true, out IReadOnlyList<PinnedPage> pages));
            Assert.Equal(new MemoryLocation(block, pinned * Page), Assert.Single(pages).Location);
            Assert.Equal(count, _machine.Program.UserPins.Locked); // it was pinned before

            // Through the middle of the last area: all below it go.
            ulong part = Iova(count - 1) - Base + 1;
            Assert.Equal(Errno.ENOENT, _machine.Unmap(ioas, Base, ref part));
            Assert.Equal([(Iova(pinned), Page)], owner.Told);
            Assert.Equal((1UL, 1UL), (_machine.Program.UserPins.Locked, _machine.Program.Pins.Pinned));
            UnmapAll(ioas, Page);
        }

        Assert.Equal((0UL, 0UL), (_machine.Program.UserPins.Locked, _machine.Program.Pins.Pinned));
        AssertOnlyOwnerHolds(block);
    }

    [Fact]
    public void AnAreaWhoseMemoryTheProgramGaveBackCanBeCopied()
    {
        HostBlock block = _machine.Program.Own.Allocate(2 * Page);
        block.Write(Page + 8, 0x1234UL);
        uint ioas = Attached(out Endpoint endpoint);
        Map(ioas, Base, (ulong)block.Address, 2 * Page);
        _machine.Program.Own.Free(block);

        Assert.Equal(Errno.None, _machine.Copy(ioas, Base + Page, Base + (8 * Page), Page));
        Assert.Equal(2UL, _machine.Program.UserPins.Locked); // of the same pages
        ulong length = 2 * Page;
        Assert.Equal(Errno.None, _machine.Unmap(ioas, Base, ref length));
        Assert.Equal(1UL, _machine.Program.UserPins.Locked);

        using (DmaPort port = endpoint.OpenPort())
        {
            byte[] bytes = new byte[8];
            Assert.True(port.Read(new Iova(Base + (8 * Page) + 8), bytes).IsOk);
            Assert.Equal(0x1234UL, BitConverter.ToUInt64(bytes));
            Assert.False(port.Write(new Iova(Base + (8 * Page)), bytes).IsOk);
            Assert.False(port.Read(new Iova(Base), bytes).IsOk);
        }

        UnmapAll(ioas, Page);
        Assert.Equal((0UL, 0UL), (_machine.Program.UserPins.Locked, _machine.Program.Pins.Pinned));
        Assert.False(block.TryAddReference(), "a mapping still holds memory");
    }

    [Fact]
    public void MemoryThatTheProgramGaveBackCannotBeMappedAlthoughSomeOfItIs()
    {
        HostBlock block = _machine.Program.Own.Allocate(4 * Page);
        uint ioas = Attached(out _);
        Map(ioas, Iova(0), (ulong)block.Address);
        Map(ioas, Iova(1), (ulong)block.Address + Page);
        _machine.Program.Own.Free(block);
        Assert.Equal(Errno.EFAULT, _machine.Map(ioas, Iova(2), (ulong)block.Address + (2 * Page), Page));

        // The block stays for as long as any of it is mapped.
        ulong length = Page;
        Assert.Equal(Errno.None, _machine.Unmap(ioas, Iova(0), ref length));
        Assert.True(block.TryAddReference(), "what is mapped was given back");
        block.Release();
        Assert.Equal(Errno.None, _machine.Unmap(ioas, Iova(1), ref length));
        Assert.False(block.TryAddReference(), "a mapping still holds memory");
    }

    [Fact]
    public void MoreMemoriesThanCanBeToldApartAreMapped()
    {
        uint[] accesses = [IOMMU_IOAS_MAP_READABLE, IOMMU_IOAS_MAP_WRITEABLE,
            IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE];
        HostBlock[] blocks = [.. Enumerable.Range(0, (AreaSlot.MaxPlain / accesses.Length) + 10)
            .Select(_ => _machine.Program.Own.Allocate(Page))];
        uint ioas = Attached(out _);
        for (int round = 0; round < 2; round++) // the numbers are there again after the first
        {
            ulong count = 0;
            foreach (HostBlock block in blocks)
                foreach (uint access in accesses)
                    Assert.Equal(Errno.None, _machine.Map(ioas, Iova(count++), (ulong)block.Address, Page, access));
            Assert.Equal(count, _machine.Program.UserPins.Locked);
            UnmapAll(ioas, count * Page);
        }

        Assert.Equal((0UL, 0UL), (_machine.Program.UserPins.Locked, _machine.Program.Pins.Pinned));
        Assert.All(blocks, AssertOnlyOwnerHolds);
    }

    [Fact]
    public void TheLastDomainTakesThePinsAlongAndTheNextPinsAgain()
    {
        HostBlock block = _machine.Program.Own.Allocate(4 * Page);
        uint ioas = _machine.NewIoas();
        uint id = ioas;
        IommufdDevice device = _machine.Bind();
        Assert.Equal(Errno.None, device.Attach(null, ref id));
        Map(ioas, Base, (ulong)block.Address, 4 * Page);
        Assert.Equal(4UL, _machine.Program.UserPins.Locked);
        device.Detach(null);
        Assert.Equal((0UL, 0UL), (_machine.Program.UserPins.Locked, _machine.Program.Pins.Pinned));
        id = ioas;
        Assert.Equal(Errno.None, device.Attach(null, ref id));
        Assert.Equal((4UL, 4UL), (_machine.Program.UserPins.Locked, _machine.Program.Pins.Pinned));
        UnmapAll(ioas, 4 * Page);
        Assert.Equal((0UL, 0UL), (_machine.Program.UserPins.Locked, _machine.Program.Pins.Pinned));
        AssertOnlyOwnerHolds(block);
    }

    private static ulong Iova(ulong index) => Base + (index * 2 * Page);

    private uint Attached(out Endpoint endpoint)
    {
        uint ioas = _machine.NewIoas(), id = ioas;
        endpoint = _machine.NewEndpoint();
        Assert.Equal(Errno.None, _machine.Bind(endpoint).Attach(null, ref id));
        return ioas;
    }

    private void Map(uint ioas, ulong iova, ulong address, ulong length = Page) =>
        Assert.Equal(Errno.None, _machine.Map(ioas, iova, address, length));

    private void UnmapAll(uint ioas, ulong expected)
    {
        ulong length = ulong.MaxValue;
        Assert.Equal(Errno.None, _machine.Unmap(ioas, 0, ref length));
        Assert.Equal(expected, length);
    }

    private void AssertOnlyOwnerHolds(HostBlock block)
    {
        _machine.Program.Own.Free(block);
        Assert.False(block.TryAddReference(), "a mapping still holds memory");
    }
}
