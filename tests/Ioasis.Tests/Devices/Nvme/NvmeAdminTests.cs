using System.Text;
using Ioasis.Devices;
using Ioasis.Devices.Nvme;

namespace Ioasis.Tests.Devices.Nvme;

public sealed class NvmeAdminTests : IDisposable
{
    private readonly NvmeBench _bench = new(new NvmeOptions { Size = 1 << 20, Queues = 3, Serial = "S-1" });

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void IdentifyTellsOfTheControllerAndItsNamespace()
    {
        Assert.Equal(NvmeStatus.Success, Identify(1, 0));
        Assert.Equal(0x1af41b36u, _bench.Memory.Read<uint>(NvmeBench.Data - NvmeBench.Base));
        byte[] controller = _bench.Bytes(NvmeBench.Data, 4096);
        Assert.Equal("S-1                 Ioasis NVMe Ctrl", Encoding.ASCII.GetString(controller, 4, 36));
        Assert.Equal((7, 0x66, 0x44, 1), (controller[77], controller[512], controller[513], controller[516]));
        Assert.StartsWith("nqn.2014-08.org.nvmexpress:uuid:", Encoding.ASCII.GetString(controller, 768, 223),
            StringComparison.Ordinal);
        Assert.Equal(NvmeStatus.Success, Identify(0, 1));
        Assert.Equal(2048UL, _bench.Memory.Read<ulong>(NvmeBench.Data - NvmeBench.Base));
        Assert.Equal(9, _bench.Bytes(NvmeBench.Data, 131)[130]);
        Assert.Equal(NvmeStatus.Success, Identify(2, 0));
        Assert.Equal(1UL, _bench.Memory.Read<ulong>(NvmeBench.Data - NvmeBench.Base));
        Assert.Equal(NvmeStatus.Success, Identify(2, 1));
        Assert.Equal(0UL, _bench.Memory.Read<ulong>(NvmeBench.Data - NvmeBench.Base));
        Assert.Equal(NvmeStatus.Success, Identify(3, 1));
        Assert.Equal(0x1003u, _bench.Memory.Read<uint>(NvmeBench.Data - NvmeBench.Base));
        Assert.Equal(NvmeStatus.InvalidNs, Identify(0, 2));
        Assert.Equal(NvmeStatus.InvalidNs, Identify(2, 0xfffffffe));
        Assert.Equal(NvmeStatus.InvalidNs, Identify(3, 0));
        Assert.Equal(NvmeStatus.InvalidField, Identify(0x80, 0));
    }

    [Fact]
    public void QueuesAreMadeAndTakenAwayInOrder()
    {
        const ulong at = NvmeBench.Base + 0x40000;
        Assert.Equal(NvmeStatus.QidInvalid, _bench.CreateCq(0, 8, at).Status);
        Assert.Equal(NvmeStatus.QidInvalid, _bench.CreateCq(4, 8, at).Status);
        Assert.Equal(NvmeStatus.QueueSize, _bench.CreateCq(1, 1, at).Status);
        Assert.Equal(NvmeStatus.QueueSize, _bench.CreateCq(1, 2049, at).Status);
        Assert.Equal(NvmeStatus.PrpInvalidOffset, _bench.CreateCq(1, 8, at + 64).Status);
        Assert.Equal(NvmeStatus.InvalidVector, _bench.CreateCq(1, 8, at, vector: 4).Status);
        Assert.Equal(NvmeStatus.InvalidField, _bench.CreateCq(1, 8, at, flags: 2).Status);
        Assert.Equal(NvmeStatus.CqInvalid, _bench.CreateSq(1, 8, at, 1).Status);
        Assert.Equal(NvmeStatus.Success, _bench.CreateCq(1, 8, at).Status);
        Assert.Equal(NvmeStatus.QidInvalid, _bench.CreateCq(1, 8, at).Status);
        Assert.Equal(NvmeStatus.CqInvalid, _bench.CreateSq(1, 8, at, 0).Status);
        Assert.Equal(NvmeStatus.QidInvalid, _bench.CreateSq(0, 8, at, 1).Status);
        Assert.Equal(NvmeStatus.QidInvalid, _bench.CreateSq(4, 8, at, 1).Status);
        Assert.Equal(NvmeStatus.QueueSize, _bench.CreateSq(1, 1, at, 1).Status);
        Assert.Equal(NvmeStatus.PrpInvalidOffset, _bench.CreateSq(1, 8, at + 8, 1).Status);
        Assert.Equal(NvmeStatus.InvalidField, _bench.CreateSq(1, 8, at, 1, flags: 0).Status);
        Assert.Equal(NvmeStatus.Success, _bench.CreateSq(2, 8, at, 1).Status);
        Assert.Equal(NvmeStatus.QidInvalid, _bench.CreateSq(2, 8, at, 1).Status);
        Assert.Equal(NvmeStatus.InvalidQueue, Delete(4, 1));
        Assert.Equal(NvmeStatus.QidInvalid, Delete(0, 1));
        Assert.Equal(NvmeStatus.QidInvalid, Delete(0, 0));
        Assert.Equal(NvmeStatus.QidInvalid, Delete(0, 0xffff));
        Assert.Equal(NvmeStatus.Success, Delete(0, 2));
        Assert.Equal(NvmeStatus.Success, Delete(4, 1));
        Assert.Equal(NvmeStatus.QidInvalid, Delete(4, 1));
        Assert.Equal(NvmeStatus.QidInvalid, Delete(4, 0));
        Assert.Equal(NvmeStatus.Success, _bench.CreateCq(1, 8, at).Status);
    }

    [Fact]
    public void FeaturesAreSetAndReadBack()
    {
        Assert.Equal(new NvmeOutcome(NvmeStatus.Success, 0x00020002), Outcome(_bench.Feature(7, 0x000f000f)));
        Assert.Equal(NvmeStatus.InvalidField, _bench.Feature(7, 0xffff).Status);
        Assert.Equal(0x00020002u, _bench.GetFeature(7).Result);
        Assert.Equal(1u, _bench.GetFeature(6).Result);
        Assert.Equal(NvmeStatus.Success, _bench.Feature(6, 0).Status);
        Assert.Equal(0u, _bench.GetFeature(6).Result);
        Assert.Equal(1u, _bench.GetFeature(0x106).Result); // what it is by default
        Assert.Equal(4u, _bench.GetFeature(0x306).Result); // what can be done with it
        foreach (uint feature in (uint[])[1, 5, 8, 10])
        {
            Assert.Equal(NvmeStatus.Success, _bench.Feature(feature, 0x1234).Status);
            Assert.Equal(0x1234u, _bench.GetFeature(feature).Result);
        }

        Assert.Equal(NvmeStatus.InvalidField, _bench.Feature(2, 1).Status);
        Assert.Equal(NvmeStatus.Success, _bench.Feature(9, 0x10003).Status);
        Assert.Equal(0x10003u, _bench.GetFeature(9, 3).Result);
        Assert.Equal(NvmeStatus.InvalidField, _bench.Feature(9, 4).Status);
        Assert.Equal(NvmeStatus.InvalidField, _bench.GetFeature(9, 4).Status);
        Assert.Equal(NvmeStatus.InvalidField, _bench.GetFeature(0x7f).Status);
        Assert.Equal(NvmeStatus.InvalidField, _bench.GetFeature(0x401).Status);
        Assert.Equal(NvmeStatus.InvalidField, _bench.Feature(0, 0).Status);
        Assert.Equal(NvmeStatus.FeatureNotSaveable,
            _bench.Do(_bench.Admin, new Command { Opcode = 9, Cdw10 = 0x80000001 }).Status);
        _bench.Create(1);
        Assert.Equal(NvmeStatus.CmdSeqError, _bench.Feature(7, 0).Status);
        _bench.Enable();
        Assert.Equal(1u, _bench.GetFeature(6).Result); // a reset takes it back
    }

    [Theory]
    [InlineData(1u, 64)]
    [InlineData(2u, 512)]
    [InlineData(3u, 512)]
    [InlineData(4u, 4096)]
    [InlineData(5u, 4096)]
    public void ALogPageIsGivenUpToItsEnd(uint log, int size)
    {
        _bench.Fill(NvmeBench.Data, 8192, 1);
        byte behind = _bench.Bytes(NvmeBench.Data + (uint)size, 1)[0];
        Assert.Equal(NvmeStatus.Success, Log(log, 8192));
        Assert.Equal(behind, _bench.Bytes(NvmeBench.Data + (uint)size, 1)[0]);
        byte[] page = _bench.Bytes(NvmeBench.Data, size);
        Assert.Equal(NvmeStatus.Success, Log(log, 8, offset: 4));
        Assert.Equal(page[4..12], _bench.Bytes(NvmeBench.Data, 8));
        Assert.Equal(NvmeStatus.InvalidField, Log(log, 8, offset: (uint)size));
        Assert.Equal(NvmeStatus.InvalidField, Log(log, 8, offset: 2));
        Assert.Equal(NvmeStatus.InvalidNs, Log(log, 8, nsid: 2));
    }

    [Fact]
    public void TheSmartLogCountsWhatWasReadAndWritten()
    {
        DriverQueue queue = _bench.Create(1);
        for (int i = 0; i < 3; i++)
            _bench.Do(queue, new Command { Opcode = 2, Nsid = 1, Prp1 = NvmeBench.Data, Cdw12 = 7 });
        _bench.Do(queue, new Command { Opcode = 1, Nsid = 1, Prp1 = NvmeBench.Data, Cdw12 = 7 });
        Assert.Equal(NvmeStatus.Success, Log(2, 512));
        Assert.Equal((3UL, 1UL), (_bench.Memory.Read<ulong>(NvmeBench.Data - NvmeBench.Base + 64),
                _bench.Memory.Read<ulong>(NvmeBench.Data - NvmeBench.Base + 80)));
        Assert.Equal(NvmeStatus.InvalidLogPage, Log(0x70, 8));
    }

    [Fact]
    public void AnEventEndsACommandThatWaitsForIt()
    {
        for (int i = 0; i < 4; i++) _bench.Put(_bench.Admin, new Command { Opcode = 12 });
        ushort last = _bench.Put(_bench.Admin, new Command { Opcode = 12 });
        _bench.Ring(_bench.Admin);
        Done refused = _bench.Reap(_bench.Admin);
        Assert.Equal((NvmeStatus.AsyncLimit, last), (refused.Status, refused.CommandId));
        _bench.Doorbell(2, 1); // of a queue that is not there
        Done told = _bench.Reap(_bench.Admin);
        Assert.Equal((NvmeStatus.Success, 0x010000u), (told.Status, told.Result));
        Assert.Equal((ushort)(last - 4), told.CommandId);

        // The next one of the type waits for the log page to be read.
        _bench.Doorbell(0, 100); // beyond the queue
        Assert.Equal(NvmeStatus.Success, _bench.Do(_bench.Admin, new Command { Opcode = 8 }).Status);
        Assert.Equal(NvmeStatus.Success, Log(1, 64));
        _bench.Doorbell(0, 100);
        Assert.Equal(0x010100u, _bench.Reap(_bench.Admin).Result);
    }

    [Fact]
    public void ATemperatureBeyondItsThresholdIsAnEventWhereThatWasAskedFor()
    {
        ushort waiting = _bench.Put(_bench.Admin, new Command { Opcode = 12 });
        Assert.Equal(NvmeStatus.Success, _bench.Feature(4, 200).Status); // nobody asked
        Assert.Equal(NvmeStatus.Success, _bench.Feature(11, 2).Status);
        Assert.Equal(NvmeStatus.Success, _bench.Feature(4, 200).Status);
        Done told = _bench.Reap(_bench.Admin);
        Assert.Equal((waiting, 0x020101u), (told.CommandId, told.Result));
        Assert.Equal(200u, _bench.GetFeature(4).Result);
        Assert.Equal(0u, _bench.GetFeature(4, 1 << 20).Result);
        Assert.Equal(NvmeStatus.InvalidField, _bench.Feature(4, 1 << 16).Status);
    }

    [Theory]
    [InlineData(0x7f)]
    [InlineData(0x80)]
    [InlineData(0xff)]
    public void AnOpcodeThatThereIsNotIsRefused(byte opcode) =>
        Assert.Equal(NvmeStatus.InvalidOpcode, _bench.Do(_bench.Admin, new Command { Opcode = opcode }).Status);

    [Theory]
    [InlineData(0x40)]
    [InlineData(0x01)]
    public void SglsAndFusedCommandsAreRefused(byte flags) =>
        Assert.Equal(NvmeStatus.InvalidField, _bench.Do(
            _bench.Admin, new Command { Opcode = 6, Flags = flags, Prp1 = NvmeBench.Data, Cdw10 = 1 }).Status);

    [Fact]
    public void NothingIsEverAborted() =>
        Assert.Equal(1u, _bench.Do(_bench.Admin, new Command { Opcode = 8, Cdw10 = 0x10001 }).Result);

    private NvmeStatus Identify(uint what, uint nsid) =>
        _bench.Do(_bench.Admin, new Command { Opcode = 6, Nsid = nsid, Prp1 = NvmeBench.Data, Cdw10 = what }).Status;

    private NvmeStatus Delete(byte opcode, uint id) =>
        _bench.Do(_bench.Admin, new Command { Opcode = opcode, Cdw10 = id }).Status;

    private NvmeStatus Log(uint log, uint bytes, uint offset = 0, uint nsid = 0xffffffff) =>
        _bench.Do(_bench.Admin, new Command
        {
            Opcode = 2,
            Nsid = nsid,
            Prp1 = NvmeBench.Data,
            Prp2 = NvmeBench.Data + 0x1000,
            Cdw10 = log | (((bytes / 4) - 1) << 16),
            Cdw12 = offset,
        }).Status;

    private static NvmeOutcome Outcome(Done done) => new(done.Status, done.Result);
}
