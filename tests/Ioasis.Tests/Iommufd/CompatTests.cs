using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Tests.Iommufd;

/// <summary>
/// The ioctls of a VFIO container on /dev/iommu, against a model that keeps one entry for each page; and what they hold
/// on to.
/// </summary>
public sealed class CompatTests
{
    private const ulong Page = 4096;
    private const int Pages = 64; // of the IOVAs in play, and of the memory
    private const ulong Base = 0x1f8 * Page; // the middle is a boundary of 2 MiB

    private readonly TestMachine _machine = new();

    [Theory]
    [InlineData(31, true)]
    [InlineData(32, true)]
    [InlineData(33, true)]
    [InlineData(34, false)] // nothing attached: bookkeeping alone
    public void Type1UnmapsWhatAPageByPageModelUnmaps(int seed, bool attached)
    {
        var random = new Random(seed);
        uint ioas = Container(), id = ioas;
        IommufdDevice device = _machine.Bind();
        if (attached) Assert.Equal(Errno.None, device.Attach(null, ref id));
        Assert.Equal(SysResult.Ok(), _machine.Context.Ioctl(_machine.Program, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
        HostBlock block = _machine.Program.Own.Allocate(Pages * Page);
        for (ulong page = 0; page < Pages; page++) block.Write(page * Page, page + 1000);
        using DmaPort port = device.Endpoint.OpenPort();

        IoPageTable table = _machine.Context.Objects.All<IommufdIoas>().Single().Table;

        // For each page of IOVA: which page of memory it leads to.
        var model = new ulong?[Pages];
        for (int step = 0; step < 10_000; step++)
        {
            int first = random.Next(Pages), length = random.Next(1, 25);
            if (first + length > Pages) continue;
            if (random.Next(2) == 0)
            {
                ulong memory = (ulong)random.Next(Pages - length);
                Errno expected = model[first..(first + length)].Any(p => p is not null) ? Errno.EEXIST : Errno.None;
                Assert.Equal(expected, Map(Base + ((ulong)first * Page), (ulong)block.Address + (memory * Page),
                        (ulong)length * Page));
                if (expected == Errno.None)
                    for (int p = 0; p < length; p++) model[first + p] = memory + (ulong)p;
            }
            else
            {
                int there = model[first..(first + length)].Count(p => p is not null);
                ulong size = (ulong)length * Page;
                Assert.Equal(Errno.None, Unmap(Base + ((ulong)first * Page), ref size));
                Assert.Equal((ulong)there * Page, size);
                Array.Clear(model, first, length);
            }

            if (attached) CheckDma(port, model, random);
            Assert.Equal((ulong)model.Count(p => p is not null) * Page, table.MappedBytes);
        }

        // Every reference is given back, however often a mapping was cut.
        ulong all = ulong.MaxValue;
        Assert.Equal(Errno.None, _machine.Unmap(ioas, 0, ref all));
        Assert.Equal((ulong)model.Count(p => p is not null) * Page, all);
        Assert.Equal((0, 0UL), (table.MapCount, table.MappedBytes));
        _machine.Program.Own.Free(block);
        Assert.False(block.TryAddReference());
    }

    [Fact]
    public void WhatIsLeftOfACutMappingIsEnteredForADeviceThatComesLater()
    {
        uint ioas = Container(), id = ioas;
        Assert.Equal(SysResult.Ok(), _machine.Context.Ioctl(_machine.Program, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
        HostBlock block = _machine.Program.Own.Allocate(8 * Page);
        for (ulong page = 0; page < 8; page++) block.Write(page * Page, page + 1000);
        Assert.Equal(Errno.None, Map(Base, (ulong)block.Address, 8 * Page));
        ulong size = 2 * Page;
        Assert.Equal(Errno.None, Unmap(Base + (3 * Page), ref size));
        IommufdDevice device = _machine.Bind();
        Assert.Equal(Errno.None, device.Attach(null, ref id));
        using DmaPort port = device.Endpoint.OpenPort();
        CheckPages(port, [0, 1, 2, null, null, 5, 6, 7]);

        // And it stays when the device goes, for the next one.
        device.Detach(null);
        size = Page;
        Assert.Equal(Errno.None, Unmap(Base + (6 * Page), ref size));
        id = ioas;
        Assert.Equal(Errno.None, device.Attach(null, ref id));
        CheckPages(port, [0, 1, 2, null, null, 5, null, 7]);
    }

    [Fact]
    public void AContainerEndsWithItsIoasAndHoldsNothing()
    {
        uint ioas = Container();
        HostBlock block = _machine.Program.Own.Allocate(Page);
        Assert.Equal(Errno.None, Map(Base, (ulong)block.Address, Page));
        Assert.Equal(Errno.None, _machine.Destroy(ioas));
        Assert.Equal(Errno.ENODEV, Map(Base, (ulong)block.Address, Page));
        Container();
        Assert.Equal(Errno.None, Map(Base, (ulong)block.Address, Page));
        _machine.Context.Close();
        Assert.Equal(0, _machine.Context.Objects.Count);
        Assert.Equal(Errno.ENODEV, Map(Base, (ulong)block.Address, Page));
        _machine.Program.Own.Free(block);
        Assert.False(block.TryAddReference());
    }

    private static void CheckDma(DmaPort port, ulong?[] model, Random random)
    {
        Span<byte> data = stackalloc byte[8];
        for (int probe = 0; probe < 4; probe++)
        {
            int page = random.Next(Pages);
            Assert.Equal(model[page] is not null, port.Read(new Iova(Base + ((ulong)page * Page)), data).IsOk);
            if (model[page] is { } memory) Assert.Equal(memory + 1000, BitConverter.ToUInt64(data));
        }
    }

    private static void CheckPages(DmaPort port, ulong?[] expected)
    {
        byte[] data = new byte[8];
        for (int page = 0; page < expected.Length; page++)
        {
            Assert.Equal(expected[page] is not null, port.Read(new Iova(Base + ((ulong)page * Page)), data).IsOk);
            if (expected[page] is { } memory) Assert.Equal(memory + 1000, BitConverter.ToUInt64(data));
        }
    }

    private uint Container()
    {
        uint ioas = _machine.NewIoas();
        var args = new IommuVfioIoas
        {
            Size = TestMachine.Length<IommuVfioIoas>(),
            IoasId = ioas,
            Op = IOMMU_VFIO_IOAS_SET
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_VFIO_IOAS, ref args));
        return ioas;
    }

    private Errno Map(ulong iova, ulong address, ulong length)
    {
        var args = new VfioIommuType1DmaMap
        {
            Argsz = TestMachine.Length<VfioIommuType1DmaMap>(),
            Flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
            Vaddr = address,
            Iova = iova,
            Size = length,
        };
        return _machine.Call(VFIO_IOMMU_MAP_DMA, ref args);
    }

    private Errno Unmap(ulong iova, ref ulong length)
    {
        var args = new VfioIommuType1DmaUnmap
        {
            Argsz = TestMachine.Length<VfioIommuType1DmaUnmap>(),
            Iova = iova,
            Size = length
        };
        Errno errno = _machine.Call(VFIO_IOMMU_UNMAP_DMA, ref args);
        length = args.Size;
        return errno;
    }
}
