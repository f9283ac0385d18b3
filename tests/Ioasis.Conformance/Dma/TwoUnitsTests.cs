using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Targets;
using Ioasis.Machine;
using Ioasis.Machine.Description;

namespace Ioasis.Conformance.Dma;

/// <summary>
/// Units that differ, on one machine of the test's own: what each reports is what it does, for HWPTs that were made for
/// the other as well. In process only: the machine behind the nodes is one for all tests.
/// </summary>
public sealed class TwoUnitsTests : IDisposable
{
    private const ulong Data = 2 << 20, GuestLength = 4 << 20;
    private readonly SoftwareMachine _machine;
    private readonly NodeTransport _nodes;
    private readonly IommuContext _context;
    private readonly VfioDevice _full, _plain, _small;
    private readonly Ioas _ioas;

    public TwoUnitsTests()
    {
        Assert.SkipUnless(Target.IsProcess, "In process only.");
        _machine = SoftwareMachine.Create(MachineDescription.Parse("two units", """
            {
              "units": [
                { "name": "full" },
                { "name": "plain", "nesting": false, "dirtyTracking": false, "pasidBits": 0, "pageRequests": false },
                { "name": "small", "firstStage5Level": false, "firstStage1G": false, "pageRequests": false }
              ],
              "devices": [
                { "model": "dmatest", "address": "0000:00:04.0", "unit": "full" },
                { "model": "dmatest", "address": "0000:00:05.0", "unit": "plain" },
                { "model": "dmatest", "address": "0000:00:06.0", "unit": "small" }
              ]
            }
            """u8.ToArray()));
        _nodes = NodeTransport.InProcess(_machine);
        _context = IommuContext.Open(_nodes);
        _ioas = _context.AllocateIoas();
        VfioDevice[] devices = [.. _machine.Devices.Select(d => VfioDevice.Open(_nodes, d.VfioNode))];
        foreach (VfioDevice device in devices)
        {
            device.Bind(_context);
            device.EnableBusMaster();
        }

        (_full, _plain, _small) = (devices[0], devices[1], devices[2]);
    }

    public void Dispose()
    {
        if (_machine is null) return; // skipped
        foreach (VfioDevice device in (VfioDevice[])[_full, _plain, _small]) device.Dispose();
        _context.Dispose();
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void The_registers_say_what_the_units_have()
    {
        Assert.Equal((true, true, true, true), Reported(_full));
        Assert.Equal((false, false, false, false), Reported(_plain));
        Assert.Equal((true, false, false, false), Reported(_small));
        Assert.Equal(HardwareCapabilities.None,
            _context.DescribeHardware(_plain).Capabilities & HardwareCapabilities.DirtyTracking);

        (bool Nests, bool FiveLevels, bool Pages1G, bool PageRequests) Reported(VfioDevice device)
        {
            IommuHwInfoVtd registers = _context.DescribeHardware(device).Vtd!.Value;
            return (Bit(registers.EcapReg, 26), Bit(registers.CapReg, 60), Bit(registers.CapReg, 56),
                Bit(registers.EcapReg, 29));
        }

        static bool Bit(ulong value, int bit) => (value >> bit & 1) != 0;
    }

    [Fact]
    public void A_unit_without_nesting_makes_no_nest_parent_and_takes_none()
    {
        UapiTest.Fails(Errno.EOPNOTSUPP, () => _context.AllocateHwpt(_plain, _ioas, HwptOptions.NestParent));
        UapiTest.Fails(Errno.EOPNOTSUPP, () => _context.AllocateHwpt(_plain, _ioas, HwptOptions.DirtyTracking));
        Hwpt parent = _context.AllocateHwpt(_full, _ioas, HwptOptions.NestParent);
        UapiTest.Fails(Errno.EOPNOTSUPP, () => Nested(_plain, parent, 48));
        NestedHwpt nested = Nested(_full, parent, 48);
        UapiTest.Fails(Errno.EINVAL, () => _plain.Attach(nested));
        UapiTest.Fails(Errno.EINVAL, () => _plain.Attach(parent));
        _plain.Attach(_ioas);
        _full.Attach(nested);
    }

    [Fact]
    public void Levels_and_leaves_are_those_of_the_unit_that_walks()
    {
        Hwpt parent = _context.AllocateHwpt(_full, _ioas, HwptOptions.NestParent);
        using UserFile file = _nodes.CreateFile(GuestLength);
        _ioas.MapFile(file, 0, GuestLength, at: Memory.Iova.Zero);
        var tables = new GuestTables(file.Memory);
        tables.Map(0, 0, level: 3);
        UapiTest.Fails(Errno.EINVAL, () => _small.Attach(Nested(_small, parent, 57)));
        UapiTest.Fails(Errno.EINVAL, () => _small.Attach(Nested(_full, parent, 57)));

        _full.Attach(Nested(_full, parent, 48));
        Assert.Equal(DmatestEngine.Done, new DmatestEngine(_full).Run(new Memory.Iova(Data), 64, 0));
        _small.Attach(Nested(_small, parent, 48));
        var engine = new DmatestEngine(_small);
        Assert.Equal(DmatestEngine.Fault, engine.Run(new Memory.Iova(Data), 64, 0)); // PS is reserved there
        Assert.Equal(7u, engine.Reason);
        Assert.Equal((byte)0x72, _machine.Units.Single(u => u.Name == "small").Faults.Snapshot()[^1].Code); // SFS.3
    }

    [Fact]
    public void A_unit_without_page_requests_takes_no_HWPT_with_a_queue_and_says_so_before_it_looks_at_the_first_stage()
    {
        using FaultQueue faults = _context.AllocateFaultQueue();
        Hwpt parent = _context.AllocateHwpt(_full, _ioas, HwptOptions.NestParent);
        UapiTest.Fails(Errno.ENODEV, () => _small.Attach(Nested(_small, parent, 57, faults)));
        UapiTest.Fails(Errno.EINVAL, () => _plain.Attach(Nested(_full, parent, 48, faults)));
        _full.Attach(Nested(_full, parent, 48, faults));
    }

    private NestedHwpt Nested(VfioDevice device, Hwpt parent, uint width, FaultQueue? faults = null) =>
        _context.AllocateNestedHwpt(device, parent, new IommuHwptVtdS1 { AddrWidth = width }, faults: faults);
}
