using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>A dma-buf in an IOAS: which calls are refused, and what its exporter's revocation does.</summary>
public sealed class DmaBufTests
{
    private const ulong Page = 4096, Base = 0x100000;
    private const int Descriptor = 9;

    private readonly TestMachine _machine = new();
    private readonly TestDmaBuf _buffer = new(new HostBlock(4 * Page));
    private readonly uint _ioas;

    public DmaBufTests()
    {
        _ioas = _machine.NewIoas();
        _machine.Program.Files[Descriptor] = _buffer;
    }

    [Fact]
    public void WhatDoesNotLieWithinItIsRefused()
    {
        Assert.Equal(Errno.EINVAL, Map(Base, 0, 0));
        Assert.Equal(Errno.EINVAL, Map(Base, 4 * Page, 4 * Page));
        Assert.Equal(Errno.EINVAL, Map(Base, 0, (4 * Page) + 1));
        Assert.Equal(Errno.EOVERFLOW, Map(Base, ulong.MaxValue - 5, 4 * Page));
        Assert.Equal(0, _buffer.Attachments);
        Assert.Equal(Errno.None, Map(Base, 0, 4 * Page));
        Assert.Equal(Errno.EEXIST, Map(Base, 0, 4 * Page));
        Assert.Equal(1, _buffer.Attachments);
        Unmap(Base, 4 * Page);
        Assert.Equal(0, _buffer.Attachments);
    }

    [Fact]
    public void ADeviceReachesItAndNobodyIsChargedForIt()
    {
        _machine.Program.TestPins.Limit = 0;
        IommufdDevice device = Attach();
        using DmaPort port = device.Endpoint.OpenPort();
        Assert.Equal(Errno.None, Map(Base, Page, 2 * Page));
        Assert.True(port.Write(new Iova(Base + 16), "dma-buf"u8).IsOk);
        Assert.Equal("dma-buf"u8.ToArray(), _buffer.Get(Page + 16, 7));
        Assert.False(port.Write(new Iova(Base + (2 * Page)), "x"u8).IsOk);
        Assert.Equal(0UL, _machine.Program.Pins.Pinned);
        device.Detach(null);
    }

    [Fact]
    public void ADriverCannotUseIt()
    {
        Assert.Equal(Errno.None, Map(Base, 0, 4 * Page));
        using IommufdAccess access = IommufdAccess.Create(_machine.Context, new TestAccessOwner());
        Assert.Equal(Errno.None, access.Attach(_ioas));
        Assert.Equal(Errno.EINVAL, access.PinPages(Base, Page, write: false, out _));
        Assert.Equal(Errno.EINVAL, access.Read(Base, new byte[1]));
        Assert.Equal(Errno.EINVAL, access.Write(Base, new byte[1]));
    }

    [Fact]
    public void ItCannotBeCutNorChangeHands()
    {
        IommuVfioIoas compat = new()
        {
            Size = TestMachine.Length<IommuVfioIoas>(),
            IoasId = _ioas,
            Op = (ushort)IOMMU_VFIO_IOAS_SET
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_VFIO_IOAS, ref compat));
        Assert.Equal(Errno.None,
            _machine.Context.Ioctl(_machine.Program, VfioH.VFIO_SET_IOMMU, VfioH.VFIO_TYPE1_IOMMU).Errno);
        Assert.Equal(Errno.None, Map(Base, 0, 4 * Page));
        VfioIommuType1DmaUnmap args = new() { Argsz = 24, Iova = Base + Page, Size = Page };
        Assert.Equal(Errno.EOPNOTSUPP, _machine.Call(VfioH.VFIO_IOMMU_UNMAP_DMA, ref args));
        var change = new IommuIoasChangeProcess { Size = TestMachine.Length<IommuIoasChangeProcess>() };
        Assert.Equal(Errno.EINVAL, new TestCaller().Call(_machine.Context, IOMMU_IOAS_CHANGE_PROCESS, ref change));
    }

    [Fact]
    public void WhatIsRevokedFaultsAndStaysDead()
    {
        IommufdDevice device = Attach();
        using DmaPort port = device.Endpoint.OpenPort();
        Assert.Equal(Errno.None, Map(Base, 0, 4 * Page));
        Assert.True(port.Write(new Iova(Base), "x"u8).IsOk);
        _buffer.SetRevoked(true);
        Assert.False(port.Write(new Iova(Base), "y"u8).IsOk);
        Assert.Equal(Errno.ENODEV, Map(Base + (8 * Page), 0, Page));

        // A copy of what is dead is dead, and so it is for a device that comes.
        uint other = _machine.NewIoas();
        Copy(other);
        IommufdDevice second = Attach(other);
        using DmaPort secondPort = second.Endpoint.OpenPort();
        Assert.False(secondPort.Write(new Iova(Base), "y"u8).IsOk);

        _buffer.SetRevoked(false);
        Assert.False(port.Write(new Iova(Base), "y"u8).IsOk);
        Assert.Equal(Errno.EEXIST, Map(Base, 0, Page));
        Assert.Equal(Errno.None, Map(Base + (8 * Page), 0, Page));
        Assert.True(port.Write(new Iova(Base + (8 * Page)), "z"u8).IsOk);
        Unmap(Base, 4 * Page);
        Assert.Equal(Errno.None, Map(Base, 0, 4 * Page));
        Assert.True(port.Write(new Iova(Base), "y"u8).IsOk);
        device.Detach(null);
        second.Detach(null);
        Assert.Equal(Errno.None, _machine.Destroy(_ioas));
        Assert.Equal(1, _buffer.Attachments); // the copy's
        Assert.Equal(Errno.None, _machine.Destroy(other));
        Assert.Equal(0, _buffer.Attachments);
    }

    [Fact]
    public void CopiesAreRevokedEverywhere()
    {
        uint other = _machine.NewIoas();
        Assert.Equal(Errno.None, Map(Base, 0, 4 * Page));
        Copy(other);
        using DmaPort port = Attach(other).Endpoint.OpenPort();
        Assert.True(port.Write(new Iova(Base), "y"u8).IsOk);
        _buffer.SetRevoked(true);
        Assert.False(port.Write(new Iova(Base), "y"u8).IsOk);
    }

    [Fact]
    public async Task WhenARevocationReturnsNoDeviceReachesTheMemory()
    {
        IommufdDevice device = Attach();
        bool stop = false;
        long done = 0;
        Task engine = Task.Run(() =>
        {
            using DmaPort port = device.Endpoint.OpenPort();
            for (long value = 1; !Volatile.Read(ref stop); value++)
                if (port.Write(new Iova(Base), BitConverter.GetBytes(value)).IsOk) Volatile.Write(ref done, value);
        }, TestContext.Current.CancellationToken);
        for (int round = 0; round < 200; round++)
        {
            Assert.Equal(Errno.None, Map(Base, 0, Page));
            long before = Volatile.Read(ref done);
            Until.True(() => Volatile.Read(ref done) != before);
            _buffer.SetRevoked(true);
            byte[] last = _buffer.Get(0, 8);
            for (int look = 0; look < 20; look++)
            {
                Thread.Yield();
                Assert.Equal(last, _buffer.Get(0, 8));
            }

            _buffer.SetRevoked(false);
            Unmap(Base, Page);
        }

        Volatile.Write(ref stop, true);
        await engine;
        device.Detach(null);
    }

    [Fact]
    public void ARevocationWaitsForAnAccessThatIsWithinTheExportersCopying()
    {
        // The exporter holds its lock all the time; copying takes none.
        using var within = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        bool copied = false, copiedWhenRevoked = false;
        _buffer.OnCopy = () =>
        {
            within.Set();
            goOn.Wait();
            copied = true;
        };
        IommufdDevice device = Attach();
        Assert.Equal(Errno.None, Map(Base, 0, Page));
        DmaResult result = default;
        var engine = new Thread(() =>
        {
            using DmaPort port = device.Endpoint.OpenPort();
            result = port.Read(new Iova(Base), new byte[8]);
        });
        engine.Start();
        Assert.True(within.Wait(Until.Patience, TestContext.Current.CancellationToken));
        var exporter = new Thread(() =>
        {
            _buffer.SetRevoked(true);
            copiedWhenRevoked = copied;
        });
        exporter.Start();

        // Once an access that comes now finds nothing, the exporter waits for the one before.
        MappingTable mappings = device.Endpoint.Attached!.Mappings;
        Until.True(() => !mappings.Use(Base, out _).IsMapped);
        goOn.Set();
        Assert.True(engine.Join(Until.Patience) && exporter.Join(Until.Patience));
        Assert.True(result.IsOk);
        Assert.True(copiedWhenRevoked);
        device.Detach(null);
    }

    [Fact]
    public async Task RevocationsMapsAndUnmapsGoTogether()
    {
        // The exporter's lock and ours are taken from both sides: nobody waits for ever, and nothing is left.
        IommufdDevice device = Attach();
        bool stop = false;
        Task exporter = Task.Run(() =>
        {
            for (bool revoked = true; !Volatile.Read(ref stop); revoked = !revoked) _buffer.SetRevoked(revoked);
        }, TestContext.Current.CancellationToken);
        for (int round = 0; round < 3000; round++)
        {
            Errno errno = Map(Base, 0, Page);
            Assert.True(errno is Errno.None or Errno.ENODEV);
            if (errno == Errno.None) Unmap(Base, Page);
        }

        Volatile.Write(ref stop, true);
        await exporter;
        Assert.Equal(0, _buffer.Attachments);
        device.Detach(null);
    }

    private Errno Map(ulong iova, ulong start, ulong length)
    {
        var args = new IommuIoasMapFile
        {
            Size = TestMachine.Length<IommuIoasMapFile>(),
            Flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_FIXED_IOVA,
            IoasId = _ioas,
            Fd = Descriptor,
            Start = start,
            Length = length,
            Iova = iova,
        };
        return _machine.Call(IOMMU_IOAS_MAP_FILE, ref args);
    }

    private void Unmap(ulong iova, ulong length) => Assert.Equal(Errno.None, _machine.Unmap(_ioas, iova, ref length));

    private void Copy(uint to)
    {
        var args = new IommuIoasCopy
        {
            Size = TestMachine.Length<IommuIoasCopy>(),
            Flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
            SrcIoasId = _ioas,
            DstIoasId = to,
            SrcIova = Base,
            DstIova = Base,
            Length = 4 * Page,
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_IOAS_COPY, ref args));
    }

    private IommufdDevice Attach(uint? ioas = null)
    {
        IommufdDevice device = _machine.Bind();
        uint id = ioas ?? _ioas;
        Assert.Equal(Errno.None, device.Attach(null, ref id));
        return device;
    }

    /// <summary>An exporter: memory that can be revoked, with its importers told under its one lock.</summary>
    private sealed class TestDmaBuf(HostBlock block) : IDmaBuf
    {
        private readonly Lock _lock = new();
        private readonly List<Attachment> _attachments = [];
        private bool _revoked;

        public ulong Length => block.Length;

        /// <summary>Is called by each access; if set, devices do not reach the memory by themselves.</summary>
        internal Action? OnCopy { get; set; }

        internal HostBlock Memory => block;

        internal int Attachments
        {
            get { lock (_lock) return _attachments.Count; }
        }

        public Errno Attach(IDmaBufImporter importer, out IDmaBufAttachment? attachment)
        {
            attachment = null;
            lock (_lock)
            {
                if (_revoked) return Errno.ENODEV;
                var made = new Attachment(this, importer);
                _attachments.Add(made);
                attachment = made;
                return Errno.None;
            }
        }

        internal void SetRevoked(bool revoked)
        {
            lock (_lock)
            {
                _revoked = revoked;
                foreach (Attachment attachment in _attachments) attachment.Importer.InvalidateMappings();
            }
        }

        internal byte[] Get(ulong offset, int count)
        {
            byte[] bytes = new byte[count];
            block.CopyTo(offset, bytes);
            return bytes;
        }

        private sealed class Attachment(TestDmaBuf buffer, IDmaBufImporter importer) : IDmaBufAttachment
        {
            internal IDmaBufImporter Importer => importer;

            public nint Address => buffer.OnCopy is null ? buffer.Memory.Address : 0;

            public bool TryRead(ulong offset, Span<byte> destination)
            {
                buffer.OnCopy?.Invoke();
                buffer.Memory.CopyTo(offset, destination);
                return true;
            }

            public bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
            {
                buffer.OnCopy?.Invoke();
                buffer.Memory.CopyFrom(offset, source);
                return true;
            }

            public MemoryLocation Locate(ulong offset) => new(buffer, offset);

            public void Dispose()
            {
                lock (buffer._lock) Assert.True(buffer._attachments.Remove(this));
            }
        }
    }
}
