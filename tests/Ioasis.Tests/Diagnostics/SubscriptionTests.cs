using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Events;
using Ioasis.Diagnostics.Trace;
using Ioasis.Host.Control;
using Ioasis.Linux.Files;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Diagnostics;

/// <summary>
/// Subscribers get each event once and in order, or are told how many they lost. Programs never wait for them.
/// </summary>
public sealed class SubscriptionTests : IDisposable
{
    private const int Program = 4_000_000; // above any process ID
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private static readonly RequesterId s_function = new(0x1000, 0, 4, 0); // a dmatest

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("ioasis-subscribe-");
    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default);
    private readonly ControlDirectory _directory;
    private readonly ControlSocket _socket;
    private readonly NodeTransport _nodes;

    public SubscriptionTests()
    {
        string path = Path.Combine(_folder.FullName, "ioasis");
        _directory = ControlDirectory.Open(path);
        var answers = new ControlAnswers(_machine, Program, ["program"]);
        _socket = new ControlSocket(Program, answers.Answer, () => ControlDirectory.Open(path), answers.Subscribe);
        Until(() => File.Exists($"{path}/{Program}.sock"));
        _nodes = NodeTransport.InProcess(_machine);
    }

    public void Dispose()
    {
        _nodes.Dispose();
        _socket.Dispose();
        _machine.Dispose();
        _directory.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void EventsComeByTheirNamesWithTheIdsThatTheProgramKnows()
    {
        using ControlConnection subscriber = Subscribe("open,map,unmap,bind,attach_device_to_domain");
        uint ioasId, hwptId, deviceId;
        ulong iova, address;
        using (IommuContext iommu = IommuContext.Open(_nodes))
        {
            using VfioDevice device = VfioDevice.Open(_nodes, s_function);
            device.Bind(iommu);
            using Ioas ioas = iommu.AllocateIoas();
            using UserMemory memory = _nodes.Allocate(4096);
            Iova at = ioas.Map(memory, MapAccess.Read);
            hwptId = device.Attach(ioas);
            JsonNode[] first = [.. Enumerable.Range(0, 5).Select(_ => Next(subscriber))];
            Assert.Equal(
                ["open", "open", "bind", "map", "attach_device_to_domain"], first.Select(e => (string)e["event"]!));
            ioas.Unmap(at, 4096);
            (ioasId, deviceId, iova, address) = (ioas.Id, device.Id, at.Value, memory.Address.Value);
            Assert.Equal("/dev/iommu", (string)first[0]["path"]!);
            Assert.Equal(Environment.ProcessId, (int)first[0]["process"]!);
            int context = (int)first[0]["file"]!;
            Assert.Equal((s_function.ToString(), deviceId, context),
                ((string)first[2]["device"]!, (uint)first[2]["devid"]!, (int)first[2]["context"]!));
            Assert.Equal((ioasId, context, $"0x{iova:x}", $"0x{iova + 4095:x}", "r", $"0x{address:x}"),
                ((uint)first[3]["ioas"]!, (int)first[3]["context"]!, (string)first[3]["iova"]!,
                    (string)first[3]["last"]!, (string)first[3]["access"]!, (string)first[3]["address"]!));
            Assert.Equal(hwptId, (uint)first[4]["hwpt"]!);
            long[] sequence = [.. first.Select(e => (long)e["seq"]!)];
            Assert.Equal(sequence.Order().Distinct(), sequence);
        }

        JsonNode unmap = Next(subscriber);
        Assert.Equal(("unmap", $"0x{iova:x}"), ((string)unmap["event"]!, (string)unmap["iova"]!));
    }

    [Fact]
    public void FaultsThatAreKeptAndThoseThatComeAreEachToldOnce()
    {
        using IommuContext iommu = IommuContext.Open(_nodes);
        using VfioDevice device = VfioDevice.Open(_nodes, s_function);
        device.Bind(iommu);
        using Ioas ioas = iommu.AllocateIoas();
        device.Attach(ioas);
        device.EnableBusMaster();
        VfioRegion registers = device.GetRegion(0);
        for (ulong i = 1; i <= 3; i++) Miss(registers, i * 0x1000);
        using ControlConnection subscriber = Subscribe("faults");
        for (ulong i = 1; i <= 6; i++)
        {
            Assert.True(subscriber.TryReceive(out ReadOnlyMemory<byte> line));
            ControlFault fault = JsonSerializer.Deserialize<ControlFault>(line.Span)!;
            Assert.Equal(((long)i, i * 0x1000, s_function.ToString()), (fault.Sequence, fault.Address, fault.Device));
            if (i >= 3) Miss(registers, (i + 1) * 0x1000);
        }
    }

    [Fact]
    public void AKindThatThereIsNotIsRefusedWithThoseThatThereAre()
    {
        using ControlConnection subscriber = Connect("map,mop");
        string error = Next(subscriber)["Error"]!.GetValue<string>();
        Assert.StartsWith(
            "\"mop\" is no kind of event; expected some of: map, unmap, ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void TheLinesOfATraceCanBeSubscribedTo()
    {
        using ControlConnection subscriber = Connect(
            new ControlRequest("subscribe", Trace: new TraceOptions { Words = "iommu" }));
        Assert.Equal("subscribed", (string?)Next(subscriber)["event"]);
        using (IommuContext iommu = IommuContext.Open(_nodes)) iommu.AllocateIoas().Dispose();
        foreach (string name in (string[])["IOMMU_IOAS_ALLOC", "IOMMU_DESTROY"])
        {
            Assert.True(subscriber.TryReceive(out ReadOnlyMemory<byte> line));
            Assert.Matches($"^ +ioctl\\([0-9]+</dev/iommu>, {name}, ", Encoding.UTF8.GetString(line.Span));
        }

        using ControlConnection wrong = Connect(
            new ControlRequest("subscribe", Trace: new TraceOptions { Words = "mop" }));
        Assert.StartsWith("\"mop\" cannot be traced; ", (string)Next(wrong)["Error"]!, StringComparison.Ordinal);
    }

    [Fact]
    public void SubscribersKeepNobodyOutAndThoseWhoLeaveMakeRoom()
    {
        List<ControlConnection> all = [];
        for (int i = 0; i < ControlSocket.MostSubscribers; i++)
        {
            all.Add(Subscribe("faults,map".Split(',')[i % 2]));
            Assert.Single(ControlClient.Programs(_directory)); // others are answered
        }

        Until(() => Refused() == $"there are {ControlSocket.MostSubscribers} subscribers already");
        all[3].Dispose();
        Until(() => Refused() is null);
        foreach (ControlConnection one in all) one.Dispose();

        string? Refused()
        {
            using ControlConnection late = Connect("map");
            return Next(late)["Error"]?.GetValue<string>();
        }
    }

    [Fact]
    public void AThousandSubscribersOneAfterTheOtherLeaveNothing()
    {
        for (int i = 0; i < 1000; i++)
        {
            Until(() =>
            {
                using ControlConnection one = Connect("open");
                bool isIn = Next(one)["event"] is not null;
                IommuContext.Open(_nodes).Dispose(); // an event, by which it is noticed who left
                return isIn;
            });
        }

        Until(() =>
        {
            IommuContext.Open(_nodes).Dispose();
            return CanSubscribe(ControlSocket.MostSubscribers);
        });
    }

    [Fact]
    public void OfAThousandSubscribersAtOnceAllButTheFirstAreToldWhyNot()
    {
        const int Threads = 50, Each = 20;
        var admitted = new ConcurrentBag<ControlConnection>();
        var refused = new ConcurrentBag<string>();
        using var start = new Barrier(Threads);
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(Ask))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        Assert.Equal((ControlSocket.MostSubscribers, (Threads * Each) - ControlSocket.MostSubscribers),
            (admitted.Count, refused.Count));
        Assert.All(refused, why => Assert.Equal($"there are {ControlSocket.MostSubscribers} subscribers already", why));

        // Those that were admitted are told as if there had been no others, and the program does not notice.
        using (IommuContext.Open(_nodes))
            foreach (ControlConnection one in admitted)
                Assert.Equal("/dev/iommu", (string?)Next(one)["path"]);
        foreach (ControlConnection one in admitted) one.Dispose();

        void Ask()
        {
            start.SignalAndWait();
            for (int i = 0; i < Each; i++)
            {
                FileDescriptor socket = null!;
                Until(() => _directory.Connect(Program, out socket) == Errno.None); // the backlog is full
                var connection = new ControlConnection(socket, ControlConnection.LongestAnswer, s_patience);
                Assert.True(connection.TrySend(
                    JsonSerializer.SerializeToUtf8Bytes(new ControlRequest("subscribe", Kinds: "open"))));
                JsonNode answer = Next(connection);
                if ((string?)answer["event"] == "subscribed")
                {
                    admitted.Add(connection);
                    continue;
                }

                refused.Add(answer["Error"]!.GetValue<string>());
                connection.Dispose();
            }
        }
    }

    private bool CanSubscribe(int times)
    {
        List<ControlConnection> all = [];
        bool isIn = true;
        for (int i = 0; i < times && isIn; i++)
        {
            ControlConnection one = Connect("open");
            all.Add(one);
            isIn = (string?)Next(one)["event"] == "subscribed";
        }

        foreach (ControlConnection one in all) one.Dispose();
        return isIn;
    }

    [Fact]
    public void WhatHappensLastIsReadBeforeTheEnd()
    {
        using ControlConnection subscriber = Subscribe("open,close");
        using (IommuContext.Open(_nodes))
            Assert.Equal("open", (string)Next(subscriber)["event"]!);
        _socket.Dispose();
        Assert.Equal("close", (string)Next(subscriber)["event"]!);
        Assert.False(subscriber.TryReceive(out _));
    }

    [Fact]
    public void OneThatDoesNotReadLosesTheOldestAndIsToldHowMany()
    {
        using var ring = new RingOf(_machine, capacity: 10);
        using (IommuContext iommu = IommuContext.Open(_nodes))
        {
            using Ioas ioas = iommu.AllocateIoas();
            using UserMemory memory = _nodes.Allocate(4096);
            for (ulong i = 0; i < 25; i++) ioas.Map(memory, MapAccess.Read, new Iova(i * 0x1000));
            List<KeptEvent> taken = [];
            Assert.True(ring.Ring.Take(TimeSpan.Zero, taken, out long lost));
            Assert.Equal(15, lost);
            Assert.Equal(Enumerable.Range(15, 10).Select(i => (ulong)i * 0x1000),
                taken.Select(e => ((MapEvent)e.Event).Range.First));
            ioas.Map(memory, MapAccess.Read, new Iova(0x100000));
            taken.Clear();
            Assert.True(ring.Ring.Take(TimeSpan.Zero, taken, out lost));
            Assert.Equal((0L, 1), (lost, taken.Count));
        }

        ring.Ring.Close();
        List<KeptEvent> nothing = [];
        Assert.False(ring.Ring.Take(s_patience, nothing, out _));
        Assert.Empty(nothing);
    }

    [Fact]
    public void EachKindHasOneNameAndEachNameOneKind()
    {
        EventKinds all = EventKinds.None;
        foreach (string name in EventNames.All)
        {
            Assert.Null(EventNames.TryRead(name, out EventKinds kind));
            Assert.Equal(EventKinds.None, all & kind);
            Assert.Equal(name, EventNames.Of(kind));
            all |= kind;
        }

        Assert.Equal(EventKinds.All | EventKinds.Watched, all);
    }

    private static void Miss(VfioRegion registers, ulong address)
    {
        const ulong Address = 0x00, Command = 0x08, Length = 0x10, Status = 0x08;
        registers.Write(Address, address);
        registers.Write(Length, 8u);
        registers.Write(Command, 3u);
        Until(() => (registers.Read<uint>(Status) & 1) == 0);
    }

    private static JsonNode Next(ControlConnection subscriber)
    {
        Assert.True(subscriber.TryReceive(out ReadOnlyMemory<byte> line));
        return JsonNode.Parse(line.Span)!;
    }

    private static void Until(Func<bool> condition) =>
        Assert.True(SpinWait.SpinUntil(condition, s_patience), "It never came.");

    /// <summary>Subscribes, and returns once the subscription is under way.</summary>
    private ControlConnection Subscribe(string kinds)
    {
        ControlConnection connection = Connect(kinds);
        Assert.Equal("subscribed", (string?)Next(connection)["event"]);
        return connection;
    }

    private ControlConnection Connect(string kinds) => Connect(new ControlRequest("subscribe", Kinds: kinds));

    private ControlConnection Connect(ControlRequest request)
    {
        Assert.Equal(Errno.None, _directory.Connect(Program, out FileDescriptor socket));
        var connection = new ControlConnection(socket, ControlConnection.LongestAnswer, s_patience);
        Assert.True(connection.TrySend(JsonSerializer.SerializeToUtf8Bytes(request)));
        return connection;
    }

    private sealed class RingOf : IDisposable
    {
        private readonly SoftwareMachine _machine;

        public RingOf(SoftwareMachine machine, int capacity)
        {
            (_machine, Ring) = (machine, new EventRing(EventKinds.Map, capacity));
            machine.Observers.Add(Ring);
        }

        public EventRing Ring { get; }

        public void Dispose() => _machine.Observers.Remove(Ring);
    }
}
