using Ioasis.Core.Endpoints;
using Ioasis.Devices;
using Ioasis.Devices.Nvme;
using Ioasis.Memory;
using Ioasis.Tests.Devices.Nvme;

namespace Ioasis.Tests.Devices.Mdev;

/// <summary>The type nvme-1q: controllers with a part of their parent's blocks each, and a PASID.</summary>
public sealed class NvmeSubdeviceTests : IDisposable
{
    private const byte Write = 1, Read = 2;
    private const uint Blocks = 64; // of each part
    private const int BlockSize = 512;
    private readonly NvmeDevice _device = new(new NvmeOptions { Size = 4 * Blocks * BlockSize, Mdevs = 3 });
    private readonly SlotBench _parent;
    private readonly MdevType _type;
    private readonly List<NvmeBench> _parts = [];

    public NvmeSubdeviceTests()
    {
        _parent = new SlotBench(_device);
        _type = Assert.Single(_device.MdevTypes);
    }

    public void Dispose()
    {
        foreach (NvmeBench part in _parts) part.Dispose();
        _parent.Dispose();
    }

    [Fact]
    public void OnlyAControllerThatSharesItsBlocksHasThem()
    {
        Assert.Empty(new NvmeDevice().MdevTypes);
        Assert.Equal((0, 20), (new NvmeDevice().Function.PasidBits, _device.Function.PasidBits));
        Assert.Throws<ArgumentOutOfRangeException>(() => new NvmeDevice(new NvmeOptions { Mdevs = 17 }));
        var small = new NvmeDevice(new NvmeOptions { Size = 4096, Mdevs = 1 });
        Assert.Contains("too few", Assert.Throws<ArgumentException>(() => new SlotBench(small)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void ItIsAControllerOfOnePairOfQueues()
    {
        Assert.Equal(("1q", "vfio-pci", (int?)3), (_type.Name, _type.DeviceApi, _type.Available));
        PciFunction function = ((PciMdev)Create(Guid.NewGuid())).Model.Function;
        Assert.Equal((0x1b36, 0x0010, 0x010802u), (function.VendorId, function.DeviceId, function.ClassCode));
        Assert.Equal((2, 0x4000ul), (function.Msix!.Vectors, Assert.Single(function.Bars).Size));
        Assert.Equal((0, false, false), (function.PasidBits, function.HasAts, function.HasInterruptPin));

        NvmeBench bench = Plug(1, Guid.Parse("11111111-2222-3333-4444-555566667777"));
        Assert.Equal(0u, bench.Feature(7, 0x30003).Result); // one of each, however many were asked for
        bench.Create(1);
        Assert.Equal(NvmeStatus.QidInvalid, bench.CreateCq(2, 16, NvmeBench.Base + 0x90000).Status);
        Assert.Equal(NvmeStatus.Success, bench.Do(bench.Admin,
            new Command { Opcode = 6, Cdw10 = 1, Prp1 = NvmeBench.Data }).Status);
        Assert.Equal("33334444555566667777"u8.ToArray(), bench.Bytes(NvmeBench.Data + 4, 20));
        Assert.Equal(NvmeStatus.Success, bench.Do(bench.Admin,
            new Command { Opcode = 6, Nsid = 1, Prp1 = NvmeBench.Data }).Status);
        Assert.Equal(Blocks, BitConverter.ToUInt64(bench.Bytes(NvmeBench.Data, 8)));
    }

    /// <summary>Each has blocks of its own, all of them and nothing beyond; so has the parent.</summary>
    [Fact]
    public void TheBlocksOfOneAreNoOthers()
    {
        using var own = new NvmeBench(_parent);
        NvmeBench[] all = [own, Plug(1, Guid.NewGuid()), Plug(2, Guid.NewGuid()), Plug(3, Guid.NewGuid())];
        DriverQueue[] queues = [.. all.Select(bench => bench.Create(1))];
        byte[][] written = [.. all.Select((bench, i) => bench.Fill(NvmeBench.Data, (int)Blocks * BlockSize, i))];
        for (int i = 0; i < all.Length; i++)
        {
            Assert.Equal(NvmeStatus.Success, Transfer(all[i], queues[i], Write, 0, Blocks));
            foreach (byte opcode in (byte[])[Write, Read])
                Assert.Equal(NvmeStatus.LbaRange, Transfer(all[i], queues[i], opcode, Blocks - 1, 2));
        }

        for (int i = 0; i < all.Length; i++)
        {
            all[i].Fill(NvmeBench.Data, written[i].Length, 99);
            Assert.Equal(NvmeStatus.Success, Transfer(all[i], queues[i], Read, 0, Blocks));
            Assert.Equal(written[i], all[i].Bytes(NvmeBench.Data, written[i].Length));
        }
    }

    [Fact]
    public void TheLowestPartIsTakenAndItsLastOwnersBlocksAreErased()
    {
        var mdev = (PciMdev)Create(Guid.NewGuid());
        Create(Guid.NewGuid());
        using (var bench = new NvmeBench(new SlotBench(mdev.Model, _parent, new Pasid(1))))
        {
            DriverQueue queue = bench.Create(1);
            bench.Fill(NvmeBench.Data, (int)Blocks * BlockSize, 5);
            Assert.Equal(NvmeStatus.Success, Transfer(bench, queue, Write, 0, Blocks));
        }

        using var own = new NvmeBench(_parent); // whose blocks are before that part
        DriverQueue ownQueue = own.Create(1);
        byte[] kept = own.Fill(NvmeBench.Data, BlockSize, 6);
        Assert.Equal(NvmeStatus.Success, Transfer(own, ownQueue, Write, Blocks - 1, 1));

        _parent.Endpoint.Attach(new Pasid(1), null);
        mdev.Erase();
        mdev.Remove();
        Assert.Equal(2, _type.Available);
        NvmeBench next = Plug(2, Guid.NewGuid());
        DriverQueue nextQueue = next.Create(1);
        next.Fill(NvmeBench.Data, (int)Blocks * BlockSize, 99);
        Assert.Equal(NvmeStatus.Success, Transfer(next, nextQueue, Read, 0, Blocks));
        Assert.False(next.Bytes(NvmeBench.Data, (int)Blocks * BlockSize).AsSpan().ContainsAnyExcept((byte)0));
        own.Fill(NvmeBench.Data, BlockSize, 99);
        Assert.Equal(NvmeStatus.Success, Transfer(own, ownQueue, Read, Blocks - 1, 1));
        Assert.Equal(kept, own.Bytes(NvmeBench.Data, BlockSize));
        Create(Guid.NewGuid());
        Assert.Equal(MdevStatus.NoneLeft, _type.Create(Guid.NewGuid(), out Ioasis.Devices.Mdev? none));
        Assert.Null(none);
    }

    /// <summary>Admin queue, I/O queue and data: all of it is reached by the PASID, and by nothing else.</summary>
    [Fact]
    public void EachRequestCarriesThePASID()
    {
        _parent.Endpoint.Attach(null, null);
        NvmeBench one = Plug(1, Guid.NewGuid()), two = Plug(2, Guid.NewGuid());
        DriverQueue queue = one.Create(1), other = two.Create(1);
        Assert.Equal(NvmeStatus.Success, Transfer(one, queue, Write, 0, 8));
        one.Slots.Endpoint.Attach(new Pasid(1), null);
        one.Put(queue, new Command { Opcode = Read, Nsid = 1, Prp1 = NvmeBench.Data });
        one.Ring(queue);
        SlotBench.Until(() => (one.Status & 2) != 0); // its queue does not answer: fatal
        Assert.Equal(1u, two.Status);
        Assert.Equal(NvmeStatus.Success, Transfer(two, other, Write, 0, 8));
        Assert.All(_parent.Endpoint.Unit.Faults.Snapshot(), fault => Assert.Equal(new Pasid(1), fault.Pasid));

        one.Slots.Endpoint.Attach(new Pasid(1), one.Slots.Domain);
        one.Enable();
        Assert.Equal(NvmeStatus.Success, Transfer(one, one.Create(1), Read, 0, 8));
    }

    [Fact]
    public void AResetOrRemovalOfOneIsNoOthers()
    {
        NvmeBench one = Plug(1, Guid.NewGuid()), two = Plug(2, Guid.NewGuid());
        one.Create(1);
        DriverQueue queue = two.Create(1);
        byte[] written = two.Fill(NvmeBench.Data, 8 * BlockSize, 1);
        Assert.Equal(NvmeStatus.Success, Transfer(two, queue, Write, 0, 8));
        one.Slots.Slot.Reset();
        Assert.Equal((0u, 1u), (one.Status, two.Status));
        _parts.Remove(one);
        one.Dispose();
        two.Fill(NvmeBench.Data, 8 * BlockSize, 2);
        Assert.Equal(NvmeStatus.Success, Transfer(two, queue, Read, 0, 8));
        Assert.Equal(written, two.Bytes(NvmeBench.Data, 8 * BlockSize));
        _parent.Endpoint.Block = SendBlock.BusMasterDisabled; // the parent's stops all
        two.Put(queue, new Command { Opcode = Read, Nsid = 1, Prp1 = NvmeBench.Data });
        two.Ring(queue);
        SlotBench.Until(() => (two.Status & 2) != 0);
        _parent.Endpoint.Block = null;
    }

    private Ioasis.Devices.Mdev Create(Guid uuid)
    {
        Assert.Equal(MdevStatus.Ok, _type.Create(uuid, out Ioasis.Devices.Mdev? mdev));
        return mdev!;
    }

    private NvmeBench Plug(uint pasid, Guid uuid)
    {
        var part = new NvmeBench(new SlotBench(((PciMdev)Create(uuid)).Model, _parent, new Pasid(pasid)));
        _parts.Add(part);
        return part;
    }

    /// <summary>Moves blocks from or to where the data are, with a list of the pages behind the first.</summary>
    private static NvmeStatus Transfer(NvmeBench bench, DriverQueue queue, byte opcode, uint first, uint count)
    {
        const ulong page = 4096;
        for (ulong i = 0; i < count * BlockSize / page; i++)
            bench.Memory.Write(NvmeBench.Lists - NvmeBench.Base + (i * 8), NvmeBench.Data + ((i + 1) * page));
        return bench.Do(queue, new Command
        {
            Opcode = opcode,
            Nsid = 1,
            Prp1 = NvmeBench.Data,
            Prp2 = count * BlockSize > 2 * page ? NvmeBench.Lists : NvmeBench.Data + page,
            Cdw10 = first,
            Cdw12 = count - 1,
        }).Status;
    }
}
