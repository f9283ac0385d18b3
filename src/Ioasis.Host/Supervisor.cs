using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Ioasis.Host.Callers;
using Ioasis.Host.Control;
using Ioasis.Host.Devices;
using Ioasis.Host.Doctor;
using Ioasis.Host.Filter;
using Ioasis.Host.Launch;
using Ioasis.Host.Paths;
using Ioasis.Host.Serving;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;
using Ioasis.Machine;
using Ioasis.Machine.Nodes;
using Ioasis.Memory.Threads;

namespace Ioasis.Host;

/// <summary>Runs a program and serves a machine's nodes and paths to it and to all of its descendants.</summary>
internal static class Supervisor
{
    /// <summary>The hidden command of a process that finds us killed. Main checks for it first.</summary>
    public const string MournVerb = "__mourn";

    private static int s_contained;
    private static bool s_isQuiet;

    /// <summary>From here on, only failures are said on standard error.</summary>
    public static void BeQuiet()
    {
        s_isQuiet = true;
        HostMessages.Writer = static _ => { };
    }

    /// <summary>Tells the user something about us, unless <see cref="BeQuiet"/>.</summary>
    public static void Tell(string line) => HostMessages.Tell(line);

    /// <summary>
    /// Lets managed code give events to the runtime's diagnostic port, from now on. False if this runtime cannot.
    /// </summary>
    public static bool TryGiveEvents() => RuntimeEvents.TryEnable();

    /// <summary>Runs a program on a machine until it and all of its descendants have ended.</summary>
    /// <returns>
    /// The program's exit code, 128 plus the signal that killed it, or one of <see cref="ExitCodes"/>.
    /// </returns>
    public static int Run(SoftwareMachine machine, RunOptions options)
    {
        machine.UseShortNap(SysClock.Nap);
        SoftwareMachine.UseHoles(SysFiles.TryPunchHole);
        return Run(() => machine.Paths, options, machine);
    }

    /// <summary>Runs a program with paths but without a machine.</summary>
    public static int Run(Func<IReadOnlyDictionary<string, VirtualPath>> paths, RunOptions options,
        SoftwareMachine? machine = null)
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            ErrorOutput.Say(
                $"run knows the system calls of x86-64 only, not those of {RuntimeInformation.ProcessArchitecture}");
            return ExitCodes.Failed;
        }

        ContainFailures();
        try
        {
            SysProcesses.BecomeSubreaper();
            var tracees = new Tracees();
            using LaunchedProgram program =
                LaunchedProgram.Start(options, WriteRule.Of(paths().Values, OwnCapabilities));
            using var signals = new ProgramSignals(program.Pid);
            var programId = new StableId(program.Pid);
            var children = new Children(programId, tracees);
            var currentPaths = new CurrentPaths(paths);
            using var standIns = new StandIns();
            using var files = new OpenFiles();
            using SeccompListener listener = program.TakeListener();
            if ((ForeignAccess.MemoryRefusal(program.Pid) ?? ForeignAccess.PidfdRefusal(program.Pid)) is { } refusal)
                throw new IOException(refusal);
            var standing = StandingCalls.Create(out FileDescriptor standingFile);
            using var watch = new SupervisorWatch(listener, standingFile, program.Pid, options.KillsOnExit);
            listener.EnableSyncWakeUp();
            // If threads are traced, the thread that waits for children must never block, as it would in
            // StableId.BeginChange.
            if (!options.HoldsCalls) listener.Program = programId;
            using var events = new EventLoop(listener, files);
            var opener = new NodeOpener(listener, files, machine?.Observers, machine?.Injector);
            using var callers = new CallerTable(listener, files, opener, events.WatchProcess,
                new PendingExecs(programId));
            events.ProcessEnded += callers.Forget;
            CallAccount? account = options.AccountFile is null ? null : new CallAccount();
            var attributes = new AttributeFiles();
            var attributeCalls = new AttributeCalls(listener, callers, attributes, account);
            var devices = new DeviceCalls(opener, callers, account);
            var rights = new CallersRights(listener);
            var hosts = new HostFiles(rights);
            var names = new NamedFiles();
            var stats = new NodeStat(standIns);
            var memory = new CallerMemory(listener);
            var lookup = new PathLookup(currentPaths, standIns, names, files, hosts, rights, stats);
            var opens = new OpenCalls(listener, standIns, names, stats, hosts, rights, devices, attributes);
            var directories = new DirectoryCalls(lookup, standIns, stats, hosts, rights, memory,
                new DirectoryChanges(listener, tracees));
            var pathCalls = new PathCalls(
                lookup, new StatCalls(lookup, stats, files, hosts, rights, memory), opens,
                new OwnerCalls(lookup, stats, rights), directories,
                new StatusFiles(callers), hosts, rights, memory);
            options.Stacks?.Serve(listener, tracees, callers);
            UnmapCalls? unmaps = options.StrictSva ? new UnmapCalls(listener, callers, tracees) : null;
            var dispatcher = new CallDispatcher(listener, files, callers, devices,
                new KvmCalls(callers, files.Kvm, account), attributeCalls, pathCalls, unmaps, account, options.Stacks);
            var pool = new ServerPool(listener, dispatcher, standing);
            pool.Start();
            events.Start();
            ControlAnswers? answers = machine is null
                ? null
                : new ControlAnswers(
                    machine, program.Pid, [options.Program, .. options.Arguments], options.Findings);
            using var page = new PageProcess(); // ends after the control socket: pages hear of the end
            using ControlSocket? control = answers is null
                ? null
                : new ControlSocket(program.Pid, answers.Answer, subscribe: answers.Subscribe);
            signals.Watch = watch.Pid;
            using CancellationTokenRegistration stop = options.Stop.Register(signals.Kill);
            using RunTimeout? timeout = RunTimeout.Start(options.Timeout, signals);
            program.Go(isWatched: watch.Pid != 0);
            page.Start(program.Pid, options.WebPort);
            signals.Page = page.Pid;
            int exitCode = children.WaitForProgram();
            signals.ProgramEnded();
            events.WaitForNoUsers();
            if (timeout is { IsOver: true }) exitCode = ExitCodes.TimedOut;
            pool.Stop();
            if (options.AccountFile is { } file) File.WriteAllText(file, account!.ToString());
            return exitCode;
        }
        catch (IOException e)
        {
            ErrorOutput.Say(e.Message);
            return ExitCodes.Failed;
        }
        catch (UnauthorizedAccessException e) // the account's file
        {
            ErrorOutput.Say(e.Message);
            return ExitCodes.Failed;
        }
        catch (OutOfMemoryException) // also the runtime's error if a thread of its own gets no descriptor
        {
            ErrorOutput.Say(
                "the host gives too few descriptors, threads, or too little memory to run a program (see ulimit -a)");
            return ExitCodes.Failed;
        }
    }

    private static ulong OwnCapabilities =>
        SysCredentials.TryGetCapabilities(thread: 0, out ulong effective) ? effective : 0;

    // Each of our threads handles its own exceptions. This handler is for threads of plug-ins and of the runtime: they
    // end alone, and all programs continue to be served.
    private static void ContainFailures()
    {
        HostMessages.Writer = s_isQuiet ? static _ => { } : ErrorOutput.Say;
        if (Interlocked.Exchange(ref s_contained, 1) != 0) return;
        ExceptionHandling.SetUnhandledExceptionHandler(e =>
        {
            ErrorOutput.Say($"thread \"{Thread.CurrentThread.Name}\" ends: it", e);
            return true;
        });
    }

    /// <summary>Makes the <see cref="Run(SoftwareMachine, RunOptions)"/> that follows begin sooner.</summary>
    public static void PrepareToRun() => Rehearsal.Start();

    /// <summary>Runs the process that finds us killed (<see cref="Mourner"/>).</summary>
    /// <param name="arguments">The arguments after the command.</param>
    public static int Mourn(string[] arguments) => Mourner.Run(arguments);
}
