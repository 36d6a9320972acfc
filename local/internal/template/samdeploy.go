package template

// This file defines what SAM makes of a function's DeploymentPreference: one
// CodeDeploy application and role for all, and a deployment group for each.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-deploymentpreference.html

const (
	deploymentApplication = "ServerlessDeploymentApplication"
	deploymentRole        = "CodeDeployServiceRole"
)

func (w *functionWork) deploysGradually(preference *Node) bool {
	enabled := preference.Get("Enabled")
	return enabled == nil || w.isTrue(enabled, w.path+".DeploymentPreference.Enabled")
}

// deploy makes the deployment group and lets the alias be updated by it.
func (w *functionWork) deploy(alias *Resource) {
	preference := w.p.Get("DeploymentPreference")
	if preference == nil || preference.Kind != Map || !w.deploysGradually(preference) {
		return
	}
	at := preference.At
	kind, ok := w.constant(preference.Get("Type"), w.path+".DeploymentPreference.Type")
	if !ok {
		w.faults.add(at, w.path+".DeploymentPreference", "the required property Type is missing, such as AllAtOnce or Canary10Percent5Minutes")
		return
	}
	w.deploymentFrame(at, preference.Get("Role") == nil)
	role := preference.Get("Role")
	if role == nil {
		role = getAtt(at, deploymentRole, "Arn")
	}
	group := w.r.LogicalID + "DeploymentGroup"
	w.make(w.r, group, "AWS::CodeDeploy::DeploymentGroup", object(at,
		"ApplicationName", ref(at, deploymentApplication),
		"AlarmConfiguration", alarmConfiguration(preference),
		"AutoRollbackConfiguration", object(at, "Enabled", true, "Events", list(at, text(at, "DEPLOYMENT_FAILURE"), text(at, "DEPLOYMENT_STOP_ON_ALARM"), text(at, "DEPLOYMENT_STOP_ON_REQUEST"))),
		"DeploymentConfigName", call(at, "Fn::Sub", list(at, text(at, "CodeDeployDefault.Lambda${ConfigName}"), object(at, "ConfigName", kind))),
		"DeploymentStyle", object(at, "DeploymentType", "BLUE_GREEN", "DeploymentOption", "WITH_TRAFFIC_CONTROL"),
		"ServiceRoleArn", role))
	alias.UpdatePolicy = object(at, "CodeDeployLambdaAliasUpdate", object(at, "ApplicationName", ref(at, deploymentApplication), "DeploymentGroupName", ref(at, group)))
}

func alarmConfiguration(preference *Node) *Node {
	alarms := preference.Get("Alarms")
	names := list(preference.At)
	if alarms != nil && alarms.Kind == List {
		for _, alarm := range alarms.Items {
			names.Items = append(names.Items, object(alarm.At, "Name", alarm))
		}
	}
	return object(preference.At, "Enabled", len(names.Items) > 0, "Alarms", names)
}

// deploymentFrame makes once what all deployments share.
func (w *functionWork) deploymentFrame(at Position, role bool) {
	whole := &Resource{At: at, path: w.path + ".DeploymentPreference"}
	if w.find(deploymentApplication) == nil {
		w.make(whole, deploymentApplication, "AWS::CodeDeploy::Application", object(at, "ComputePlatform", "Lambda"))
	}
	if role && w.find(deploymentRole) == nil {
		w.make(whole, deploymentRole, "AWS::IAM::Role", object(at,
			"AssumeRolePolicyDocument", assumedBy(at, "codedeploy.amazonaws.com"),
			"ManagedPolicyArns", list(at, text(at, "arn:"+w.stack.scope.env.partition()+":iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"))))
	}
}
