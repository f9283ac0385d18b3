using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Pasids;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Iommufd.Sva;
using Ioasis.Memory;
using Ioasis.Passthrough.Sva;
using Ioasis.Tests.Vfio;
using Ioasis.Units.Vtd;
using static Ioasis.Abi.SvaH;

namespace Ioasis.Tests.Iommufd;

/// <summary>
/// What a driver does with (fd, PASID) that a program hands it: nothing that is of a kind of page table, or of VFIO.
/// </summary>
public sealed class SvaFileContextTests
{
    private readonly TestMachine _machine = new();
    private readonly PasidSpace _space = new();
    private readonly SvaFile _file;

    public SvaFileContextTests() => _file = new SvaFile(_space, 100, new FakeCarrier());

    [Fact]
    public void A_process_and_a_user_have_their_share_of_all_PASIDs_however_many_files()
    {
        var user = new UserPins { Pasids = new PasidShare(8) };
        var first = new TestCaller { TestPins = new TestPins { Pasids = new PasidShare(5) }, UserPins = user };
        var second = new TestCaller { TestPins = new TestPins { Pasids = new PasidShare(5) }, UserPins = user };
        SvaFile[] files = [.. Enumerable.Range(0, 4).Select(_ => new SvaFile(_space, 3, new FakeCarrier()))];
        for (int i = 0; i < 3; i++) Assert.Equal(Errno.None, Allocate(first, files[0]));
        Assert.Equal(Errno.ENOMEM, Allocate(first, files[0])); // the file's quota
        for (int i = 0; i < 2; i++) Assert.Equal(Errno.None, Allocate(first, files[1]));
        Assert.Equal(Errno.ENOSPC, Allocate(first, files[1])); // the process's share
        for (int i = 0; i < 3; i++) Assert.Equal(Errno.None, Allocate(second, files[2]));
        Assert.Equal(Errno.ENOSPC, Allocate(second, files[3])); // the user's
        Assert.Equal(Errno.None, Allocate(new TestCaller(), new SvaFile(_space, 3, new FakeCarrier())));

        files[0].Close();
        Assert.Equal(Errno.None, Allocate(second, files[3]));
        Assert.Equal((2, 6), (first.TestPins.Pasids.Count, user.Pasids.Count));

        // Who may have more than others by a privilege is bound by that alone.
        second.Capabilities.Add(24);
        var quota = new IoasisSvaQuota
        {
            Size = TestMachine.Length<IoasisSvaQuota>(),
            Op = IOASIS_SVA_QUOTA_SET,
            Quota = 100
        };
        Assert.Equal(Errno.None, second.Call(files[3], IOASIS_SVA_QUOTA, ref quota));
        for (int i = 0; i < 20; i++) Assert.Equal(Errno.None, Allocate(second, files[3]));
        foreach (SvaFile file in files[1..]) file.Close();
        Assert.Equal((0, 0, 0), (first.TestPins.Pasids.Count, second.TestPins.Pasids.Count, user.Pasids.Count));
        Assert.Equal(0, first.TestPins.Memory.Held + second.TestPins.Memory.Held + user.Memory.Held);
        Assert.Equal(1, _space.Count);
    }

    private static Errno Allocate(TestCaller caller, SvaFile file)
    {
        var args = new IoasisSvaAllocPasid { Size = TestMachine.Length<IoasisSvaAllocPasid>(), First = 1, Last = 1000 };
        return caller.Call(file, IOASIS_SVA_ALLOC_PASID, ref args);
    }

    [Fact]
    public void A_driver_takes_any_kind_of_page_table()
    {
        SvaFileContext sva = SvaFileContext.FromFile(_file)!;
        Assert.Null(SvaFileContext.FromFile(_machine.Context));
        HostBlock memory = _machine.Program.Own.Allocate(0x1000);
        IommufdDevice[] devices = [NewDevice(), NewDevice()];
        uint pasid = Allocate();
        SvaRegistration[] registrations = [.. devices.Select(d => Register(sva, d, pasid))];

        Assert.Equal(Errno.None, sva.BindProcess(_machine.Program.Memory, ref pasid));
        foreach (IommufdDevice device in devices)
            Assert.Equal(FaultReason.None, Write(device, pasid, (ulong)memory.Address));
        Assert.Equal(Errno.None, sva.Unbind(pasid));
        foreach (IommufdDevice device in devices)
            Assert.Equal(FaultReason.NotAttached, Write(device, pasid, (ulong)memory.Address));

        uint ioas = _machine.NewIoas();
        Assert.Equal(Errno.None, _machine.Map(ioas, 0x1000, (ulong)memory.Address, 0x1000));
        Assert.Equal(Errno.None, sva.BindTable(pasid, _machine.Context, ioas, null, null));
        foreach (IommufdDevice device in devices) Assert.Equal(FaultReason.None, Write(device, pasid, 0x1000));

        foreach (SvaRegistration registration in registrations)
        {
            registration.Dispose();
            registration.Dispose(); // once is enough
        }

        foreach (IommufdDevice device in devices)
        {
            Assert.Equal(FaultReason.NotAttached, Write(device, pasid, 0x1000));
            device.Unbind();
        }

        _file.Close();
        Assert.Equal((Errno.None, 0), (_machine.Destroy(ioas), _space.Count));
    }

    [Fact]
    public void A_table_that_one_device_refuses_is_none_for_any()
    {
        SvaFileContext sva = _file.Sva;
        IommufdDevice first = NewDevice(),
            second = NewDevice(new VtdUnit("small", new VtdFeatures { Nesting = false, AddressBits = 39 }));
        uint pasid = Allocate(), ioas = _machine.NewIoas();
        Register(sva, first, pasid);
        Register(sva, second, pasid);
        HostBlock memory = _machine.Program.Own.Allocate(0x1000);
        // more than the second's 39 bits
        Assert.Equal(Errno.None, _machine.Map(ioas, 1UL << 40, (ulong)memory.Address, 0x1000));
        Assert.NotEqual(Errno.None, sva.BindTable(pasid, _machine.Context, ioas, null, null));
        Assert.Null(first.Endpoint.AttachedTo(new Pasid(pasid)));
        Assert.Equal(Errno.None, _machine.Destroy(ioas));
        Assert.Equal(Errno.None, sva.BindProcess(_machine.Program.Memory, ref pasid)); // the PASID is as before
        _file.Close();
    }

    [Fact]
    public void What_a_device_cannot_send_is_refused()
    {
        IommufdDevice few = NewDevice(bits: 4), none = NewDevice(bits: 0);
        Assert.Equal(Errno.None, _file.Sva.Allocate(16, 16, out uint pasid));
        Assert.Equal(Errno.EINVAL, _file.Sva.RegisterDeviceToPasid(few, pasid, out _));
        Assert.Equal(Errno.EOPNOTSUPP, _file.Sva.RegisterDeviceToPasid(none, pasid, out _));
        Assert.Equal(Errno.ENOENT, _file.Sva.RegisterDeviceToPasid(few, 15, out _));
        Assert.Equal(Errno.None, _file.Sva.Free(pasid));
        Assert.Equal(0, _space.Count);
    }

    [Fact]
    public void After_an_unbind_a_free_or_a_close_no_device_uses_the_page_table()
    {
        HostBlock memory = _machine.Program.Own.Allocate(0x1000);
        Action<SvaFileContext, uint>[] ends =
            [(sva, pasid) => sva.Unbind(pasid), (sva, pasid) => sva.Free(pasid), (sva, _) => sva.Close()];
        for (int round = 0; round < 60; round++)
        {
            var sva = new SvaFileContext(_space, 10, new FakeCarrier());
            IommufdDevice device = NewDevice();
            Assert.Equal(Errno.None, sva.Allocate(1, 100, out uint pasid));
            Assert.Equal(Errno.None, sva.BindProcess(_machine.Program.Memory, ref pasid));
            SvaRegistration registration = Register(sva, device, pasid);
            using var running = new ManualResetEventSlim();
            bool over = false;
            var dma = new Thread(() =>
            {
                using DmaPort port = device.Endpoint.OpenPort();
                byte[] ones = [.. Enumerable.Repeat((byte)1, 64)];
                while (!Volatile.Read(ref over))
                {
                    if (port.Write(new Pasid(pasid), new Iova((ulong)memory.Address), ones).IsOk) running.Set();
                }
            });
            dma.Start();
            running.Wait(TestContext.Current.CancellationToken);
            ends[round % ends.Length](sva, pasid);
            memory.Clear();
            for (int i = 0; i < 100; i++) Assert.Equal(0ul, memory.Read<ulong>(0));
            Volatile.Write(ref over, true);
            dma.Join();
            Assert.Equal(0ul, memory.Read<ulong>(0));
            registration.Dispose();
            device.Unbind();
            if (round % ends.Length != 2) sva.Close();
        }

        Assert.Equal(0, _space.Count);
    }

    [Fact]
    public async Task Owners_and_drivers_do_not_stand_in_each_others_way()
    {
        IommufdDevice[] devices = [NewDevice(), NewDevice()];
        CancellationToken stop = TestContext.Current.CancellationToken;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => Task.Run(() =>
        {
            var random = new Random(seed);
            for (int i = 0; i < 2000; i++)
            {
                var sva = new SvaFileContext(_space, 4, new FakeCarrier());
                if (sva.Allocate(1, 6, out uint pasid) == Errno.None)
                {
                    sva.RegisterDeviceToPasid(devices[random.Next(2)], pasid, out SvaRegistration? one);
                    sva.BindProcess(_machine.Program.Memory, ref pasid);
                    sva.RegisterDeviceToPasid(devices[random.Next(2)], pasid, out SvaRegistration? other);
                    if (random.Next(2) == 0) sva.Close();
                    one?.Dispose();
                    other?.Dispose();
                    if (sva.Count == 0) continue;
                }

                sva.Close();
            }
        }, stop)));
        Assert.Equal(0, _space.Count);
        for (uint pasid = 1; pasid <= 6; pasid++)
            Assert.All(devices, d => Assert.Null(d.Endpoint.AttachedTo(new Pasid(pasid))));
    }

    private uint Allocate()
    {
        var args = new IoasisSvaAllocPasid { Size = TestMachine.Length<IoasisSvaAllocPasid>(), First = 1, Last = 100 };
        Assert.Equal(Errno.None, _machine.Program.Call(_file, IOASIS_SVA_ALLOC_PASID, ref args));
        return args.OutPasid;
    }

    private static SvaRegistration Register(SvaFileContext sva, IommufdDevice device, uint pasid)
    {
        Assert.Equal(Errno.None, sva.RegisterDeviceToPasid(device, pasid, out SvaRegistration? registration));
        return registration!;
    }

    /// <summary>A device of a driver that has nothing to do with VFIO, bound to a context of its own.</summary>
    private IommufdDevice NewDevice(VtdUnit? unit = null, int bits = Pasid.Bits)
    {
        Endpoint slot = _machine.NewEndpoint();
        var endpoint = new Endpoint(slot.Id, unit ?? new VtdUnit("dmar1", new VtdFeatures()),
            new IommuGroup(slot.Group.Id + 10000))
        {
            Features = new EndpointFeatures { PasidBits = bits },
        };
        Assert.Equal(Errno.None,
            IommufdDevice.Bind(new IommufdContext(new FakeCarrier()), endpoint, out IommufdDevice? device));
        return device!;
    }

    private static FaultReason Write(IommufdDevice device, uint pasid, ulong at)
    {
        using DmaPort port = device.Endpoint.OpenPort();
        return port.Write(new Pasid(pasid), new Iova(at), new byte[8]).Reason;
    }
}
