using Ioasis.Client;
using Ioasis.Client.Drivers;
using Ioasis.Conformance.Targets;
using Ioasis.Conformance.Vdpa;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Conformance.DmaApi;

/// <summary>
/// A vDPA disk, whose address space the DMA API maps into. Its ring is coherent memory. It reads memory to write it to
/// sectors, and writes what is in sectors to memory.
/// </summary>
internal sealed class VdpaHome : DmaHome
{
    private const uint Disk = 2, In = 0, Out = 1; // the kind of device, and requests
    private const int Sector = 512, MostSectors = 8;
    private const byte Unanswered = 0x77;
    private const ulong StatusAt = 0x100; // after the header
    private readonly VdpaDevice _device;
    private readonly DmaDevice _own; // maps what the disk needs beside the tests' memory
    private readonly DmaBuffer _ringMemory, _scratch;
    private readonly SplitRing _ring;
    private bool _isDisposed;

    internal VdpaHome(NodeTransport nodes, DmaDeviceOptions options)
    {
        Target.Needs("vdpa");
        _device = Find(nodes);
        _device.SetOwner();
        _device.SetBackendFeatures(VdpaTest.BackendFeatures);
        VdpaDmaSpace space = VdpaDmaSpace.Of(_device);
        _own = new DmaDevice(space, "the disk's ring");
        Dma = new DmaDevice(space, "the disk", options);
        Assert.Equal(IommuStatus.Ok, _own.AllocateCoherent(SplitRing.Length, out DmaBuffer? memory));
        Assert.Equal(IommuStatus.Ok, _own.AllocateCoherent(MostSectors * Sector, out DmaBuffer? scratch));
        (_ringMemory, _scratch) = (memory!, scratch!);
        VdpaTest.Negotiate(_device);
        _ring = new SplitRing(nodes, _device.GetQueue(0), _ringMemory.Bytes, _ringMemory.Address);
        _ring.SetUp();
        VdpaTest.Run(_device);
    }

    internal override DmaDevice Dma { get; }

    internal override byte[]? Read(Iova at, int length)
    {
        if (!Ask(Out, at, length)) return null;
        Assert.True(Ask(In, _scratch.Address, Sectors(length)));
        var bytes = new byte[length];
        _scratch.Bytes.CopyTo(0, bytes);
        return bytes;
    }

    internal override bool Write(Iova at, params byte[] bytes)
    {
        _scratch.Bytes.CopyFrom(0, bytes);
        Assert.True(Ask(Out, _scratch.Address, Sectors(bytes.Length)));
        return Ask(In, at, bytes.Length);
    }

    public override void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        try
        {
            _device.SetStatus(0); // stops it
            _ring.Dispose();
            _ringMemory.Dispose();
            _scratch.Dispose();
            _own.Dispose();
            Dma.Dispose();
        }
        finally
        {
            _device.Dispose();
        }
    }

    private static VdpaDevice Find(NodeTransport nodes)
    {
        for (int number = 0; ; number++)
        {
            VdpaDevice device = VdpaDevice.Open(nodes, number);
            if (device.GetDeviceId() == Disk) return device;
            device.Dispose();
        }
    }

    private static int Sectors(int length) => (length + (Sector - 1)) / Sector * Sector;

    /// <summary>Transfers the first bytes of the disk, and the rest of the last sector beside them.</summary>
    private bool Ask(uint request, Iova at, int length)
    {
        bool isIn = request == In;
        int rest = Sectors(length) - length;
        SharedBytes memory = _ringMemory.Bytes;
        memory.Write(SplitRing.Room, (ulong)request);
        memory.Write(SplitRing.Room + 8, 0UL); // the sector
        memory.Write(SplitRing.Room + StatusAt, Unanswered);
        RingPart header = new(_ring.At(SplitRing.Room), 16), data = new(at.Value, (uint)length, isIn),
            status = new(_ring.At(SplitRing.Room + StatusAt), 1, true);
        if (rest == 0) _ring.Offer(header, data, status);
        else _ring.Offer(header, data, new(_scratch.Address.Value + (ulong)length, (uint)rest, isIn), status);
        _ring.Kick();
        _ring.WaitForUsed();
        byte answer = memory.Read<byte>(SplitRing.Room + StatusAt);
        Assert.Contains(answer, (byte[])[DiskRequest.Ok, DiskRequest.Error]);
        return answer == DiskRequest.Ok;
    }
}
